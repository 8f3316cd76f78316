"""What people are shown of a run: the story of an event, pictures, bins, a line of a list."""
