"""Sources of a kind that several devices, and replays, are read by."""
