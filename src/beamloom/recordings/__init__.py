"""Packets of a run on disk, with its trigger map and its parameter epochs."""
