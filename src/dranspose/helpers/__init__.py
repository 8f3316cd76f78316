"""Helpers that existing analyses import."""
