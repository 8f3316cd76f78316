"""The processes of a pipeline: thin shells around the engine.

Each service reacts to messages and to time, and never waits by itself; ``loop.serve`` runs one over ZeroMQ, the inline pipeline runs all of
them in one process.
"""
