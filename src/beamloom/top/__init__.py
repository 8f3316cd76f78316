"""``beamloom top``: a pipeline at a glance in a terminal, from the answers that the controller gives everybody.

Asking (``watching``), what follows from several answers (``history``), drawing (``page``) and the terminal (``terminal``) know nothing of
each other: a picture is a function of a moment, a view and a size.
"""
