"""The controller, the only process that decides: who takes part, the run from its arming to its end, what survives a restart."""
