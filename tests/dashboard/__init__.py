"""The dashboard, as people use it: in a real browser, against real pipelines."""
