"""The reduce: each message goes to ``collect_data`` of the class, and its feedback to the workers.

``wait_for_data`` is called by the timer, some times a second. Where the class has a dictionary ``publish`` it is what viewers see; OM knows
nothing of that, and without it there is what the adapter itself counts.
"""

from __future__ import annotations

from typing import Any

from beamloom import Parameter, ParameterSet, ReducerState, Result
from beamloom.apps.om.feedback import FeedbackSender, address_of
from beamloom.apps.om.parameters import Node, describe, monitor_parameters
from beamloom.apps.om.processing import OmProcessing


class Reducer:
    """The collecting node."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """See ``parameters.py``."""
        return describe()

    def __init__(self, parameters: ParameterSet, state: ReducerState | None = None) -> None:
        node = Node(0, int(parameters["node_pool_size"]))
        self._processing = OmProcessing(
            str(parameters["processing_class"].value), monitor_parameters(parameters), node
        )
        self._processing.initialize_collecting()
        run = None if state is None else state.run
        self._feedback = FeedbackSender(
            address_of(str(parameters["feedback_url"].value), run), range(1, node.node_pool_size)
        )
        own = self._processing.publish
        self.publish: dict[str, Any] = {} if own is None else own
        self._counts = {"messages": 0, "feedback": 0}
        self.publish["om"] = self._counts

    def process_result(self, result: Result) -> None:
        """Hand the messages of an event to the class."""
        for message, rank in result.payload or ():
            feedback = self._processing.collect(message, int(rank))
            self._counts["messages"] += 1
            if feedback:
                self._counts["feedback"] += len(feedback)
                self._feedback.send(feedback)

    def timer(self, parameters: ParameterSet) -> float:
        """Let the class look after who asks it for something; returns the seconds until the next time."""
        self._feedback.flush()
        self._processing.wait()
        return float(parameters["waiting_interval"])

    def finish(self) -> None:
        """All nodes have ended."""
        self._processing.end_collecting()
        self._feedback.close()

    def close(self) -> None:
        """The process ends."""
        self._feedback.close()
