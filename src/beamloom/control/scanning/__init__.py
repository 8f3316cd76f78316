"""What scan software of every kind needs of a pipeline: the run of a scan, and what the analysis has found while it goes on."""
