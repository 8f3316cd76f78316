"""Encodings that several devices speak, decoded without copying what is large."""
