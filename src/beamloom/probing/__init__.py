"""Finding out what a device sends, or what a file of it holds, without being told."""
