"""What is wrong with a pipeline, since when, and what to do: small checks over a picture of its state.

Policy: a check is a pure function from a ``Situation``, which is plain data, to findings; it asks nobody and has no clock. The controller
takes the picture of a pipeline that runs, ``absence`` and ``setup`` look at one that does not. A finding says what somebody can do,
and a pipeline that is well has none, but for notes of
what is over.
"""

from beamloom.doctor.examination import examine
from beamloom.doctor.finding import Finding, Gravity
from beamloom.doctor.situation import Departure, Disk, ProcessView, RunView, Situation, StreamView, Wait

__all__ = [
    "Departure",
    "Disk",
    "Finding",
    "Gravity",
    "ProcessView",
    "RunView",
    "Situation",
    "StreamView",
    "Wait",
    "examine",
]
