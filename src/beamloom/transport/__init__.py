"""How the processes of a pipeline talk to each other."""
