"""Detectors whose modules arrive on separate streams: where each tile lies, and the frame that they make up together.

Nothing here reads or waits. A worker puts the tiles of an event together when the analysis asks for the frame.
"""
