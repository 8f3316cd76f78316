"""Reading files in the time of a run: where they are, whether they are still written, and ahead of what the run has asked for."""
