"""The names that existing analyses import; what they name is in ``beamloom``."""
