"""The publish tree of a reducer, as its viewers see it."""
