"""What simulators have in common."""
