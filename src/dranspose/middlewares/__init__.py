"""Parsers by the names of existing analyses: ``contrast.parse(event.streams["contrast"])``."""
