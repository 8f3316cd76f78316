"""Ready analyses. Each is a package of its own, uses Beamloom as any user's analysis does, and needs an extra of the same name."""
