"""A worker puts the packets of several streams together into events."""
