"""A worker: puts events together, calls the user's map, sends what came of it. The debug worker keeps events and serves them."""
