"""The modules that come with Beamloom."""
