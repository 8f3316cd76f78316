"""What the processes are told when a run begins."""

from __future__ import annotations

from beamloom.engine.runs.run import Run
from beamloom.engine.streams.streamplan import StreamLayout
from beamloom.services.controller.ensemble import Ensemble, Member
from beamloom.services.controller.sharing import share_of
from beamloom.transport.messages import Arm


def arm_message(
    run: Run, member: Member, ensemble: Ensemble, epoch: int, values: dict[str, bytes], **more: object
) -> Arm:
    """What one process is told when a run begins."""
    reducer = ensemble.reducer
    if reducer is None:
        raise LookupError("no reducer takes part")
    layouts: dict[str, StreamLayout] = {
        stream: layout for stream, layout in run.layouts.items() if stream in member.register.streams
    }
    shares = {stream: share_of(ensemble, stream, member) for stream in layouts}
    workers = {worker.peer: worker.register.address for worker in ensemble.workers}
    return Arm(
        run.run_id,
        (reducer.peer, reducer.register.address),
        {} if member.is_worker else workers,
        layouts,
        epoch,
        values,
        run.trigger_map.total_events,
        shares={stream: share for stream, share in shares.items() if share is not None},
        analyses=sorted({worker.register.analysis for worker in ensemble.workers} - {""}),
        **more,  # type: ignore[arg-type]
    )
