"""What panels of control systems show of a pipeline, whichever control system it is."""
