"""What the controller puts beside the recordings of the ingesters: the trigger map, detectors, the parameters, and when they changed."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from beamloom.detectors.geometry import Detectors
from beamloom.parameters import ParameterSet
from beamloom.recordings.folder import (
    RecordedEpoch,
    RecordingNames,
    write_detectors,
    write_ended,
    write_epochs,
    write_mapping,
    write_parameters,
)
from beamloom.recordings.kept_analysis import KeptAnalysis, write_analysis
from beamloom.triggermap import TriggerMap

logger = logging.getLogger(__name__)


class RunRecorder:
    """The files of one run. What cannot be written is said once, and the run goes on without it."""

    def __init__(
        self,
        prefix: str,
        run: str,
        trigger_map: TriggerMap,
        detectors: Detectors,
        epochs: Iterable[RecordedEpoch] = (),
        analysis: KeptAnalysis | None = None,
    ) -> None:
        """``trigger_map`` names the streams that are recorded; ``epochs`` are those that another controller has written.

        ``analysis`` is None where another controller has written it.
        """
        self._names = RecordingNames(prefix, run)
        self._epochs = list(epochs)
        self.problem: str | None = None
        """Why the recording is not whole."""
        try:
            self._names.mapping.parent.mkdir(parents=True, exist_ok=True)
            write_mapping(self._names, trigger_map.encode())
            if detectors:
                write_detectors(self._names, detectors)
            if analysis is not None:
                write_analysis(self._names, analysis)
        except OSError as error:
            self._fail(error)

    def epoch(self, epoch: int, first_event: int, parameters: ParameterSet) -> None:
        """From ``first_event`` on these parameters hold."""
        values = parameters.to_wire()
        if self._epochs and self._epochs[-1].first_event == first_event:
            self._epochs.pop()
        self._epochs.append(RecordedEpoch(epoch, first_event, values))
        try:
            if len(self._epochs) == 1:
                write_parameters(self._names, values)
            write_epochs(self._names, self._epochs)
        except OSError as error:
            self._fail(error)

    def ended(self) -> None:
        """The run is over: who reads a recording that an ingester could not finish need not wait for it."""
        try:
            write_ended(self._names)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.problem = f"the map and the parameters of run {self._names.run} are not recorded: {error}"
        logger.error("%s; check the prefix %r and the disk", self.problem, self._names.prefix)
