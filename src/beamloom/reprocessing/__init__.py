"""Results made again: the analysis of a run over its recording, with other parameters or other code, beside the result that was live."""

from beamloom.reprocessing.again import Again, Wish
from beamloom.reprocessing.found import RecordedRun, recorded_at, recorded_run
from beamloom.reprocessing.publishing import Publisher

__all__ = ["Again", "Publisher", "RecordedRun", "Wish", "recorded_at", "recorded_run"]
