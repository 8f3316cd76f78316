"""Results in files: NeXus files that are always whole, written in the background."""
