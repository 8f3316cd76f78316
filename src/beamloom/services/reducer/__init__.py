"""The reducer: takes each result once, calls the user's reduce, writes down what its next life needs, publishes."""
