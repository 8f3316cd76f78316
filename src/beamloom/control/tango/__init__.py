"""A pipeline as a Tango device: ``beamloom tango``; it needs ``pip install 'beamloom[tango]'``.

The server is a client of the pipeline like any other: it may be started, stopped and started again at any time, and so may the pipeline.
"""
