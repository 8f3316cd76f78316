"""What is wrong when no controller answers."""

from __future__ import annotations

from beamloom.doctor.finding import Finding
from beamloom.errors import NotReachable, PipelineError, TimedOut


def absent(url: str, error: PipelineError) -> Finding:
    """Why there is no answer from a controller at ``url``."""
    if isinstance(error, TimedOut):
        return Finding(
            "controller-hangs",
            url,
            f"somebody listens at {url} and does not answer: the controller hangs, is stopped, or its machine has too much to do",
            "look at its log and at the load of its machine; a new one goes on with the run where there is a state_dir",
        )
    if isinstance(error, NotReachable):
        return Finding(
            "controller-away",
            url,
            f"no controller answers at {url}",
            "start the pipeline ('beamloom up pipeline.yaml') or correct the address; 'beamloom doctor pipeline.yaml' looks at what it "
            "needs. Runs of a controller that died go on when another one is started with its state_dir",
        )
    return Finding(
        "no-controller",
        url,
        str(error).partition(";")[0],
        "give the address of the controller, as 'beamloom up' shows it",
    )
