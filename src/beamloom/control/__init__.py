"""How people and scan software talk to a pipeline."""
