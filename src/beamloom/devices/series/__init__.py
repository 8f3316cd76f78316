"""Which message opens a series, belongs to it and closes it, and which number each has: what several protocols have in common."""
