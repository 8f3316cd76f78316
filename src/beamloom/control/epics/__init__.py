"""A pipeline as process variables of EPICS PV Access: ``beamloom epics``; it needs ``pip install 'beamloom[epics]'``.

The server is a client of the pipeline like any other: either may be started again at any time.
"""
