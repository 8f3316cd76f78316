"""The decisions of a pipeline as plain state machines: no input or output, no clock, no threads.

Every class here takes what happened and the time as arguments and returns what to do. The services are thin shells around them, and
the inline pipeline runs the same objects over in-memory channels.
"""
