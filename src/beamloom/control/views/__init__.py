"""What is told of a pipeline, its processes, runs and events: computed in the controller's thread from what it knows at that moment."""
