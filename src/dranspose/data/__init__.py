"""What the parsers return, by the names of existing analyses; each also makes its packet."""
