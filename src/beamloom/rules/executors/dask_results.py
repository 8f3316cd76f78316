"""What a future of Dask says of its chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from beamloom.rules.policy import DIED
from beamloom.rules.spec import Failed, Lease, Outcome, Returned

Future = Any
PATIENCE: Final = 10.0
"""Seconds for one result to come from its worker."""
_OUTCOME: msgspec.msgpack.Decoder[Outcome] = msgspec.msgpack.Decoder(Outcome)


def outcomes(ended: Sequence[tuple[Lease, Future]]) -> list[Outcome]:
    """Of futures that have ended; results are fetched together. What cannot be fetched any more is as if it were never begun."""
    good = [(lease, future) for lease, future in ended if future.status == "finished"]
    found: dict[Lease, Outcome] = {}
    if len(good) > 1:
        try:
            bodies = good[0][1].client.gather([future for _, future in good])
            found = {lease: _OUTCOME.decode(body) for (lease, _), body in zip(good, bodies, strict=True)}
        except Exception:  # noqa: BLE001 - one of them is lost, or the scheduler is: each is asked by itself
            found = {}
    return [found.get(lease) or _alone(lease, future) for lease, future in ended]


def _alone(lease: Lease, future: Future) -> Outcome:
    from distributed.scheduler import KilledWorker

    if future.status not in ("finished", "error"):
        return Returned(lease)
    try:
        return _OUTCOME.decode(future.result(timeout=PATIENCE))
    except KilledWorker as error:
        return Failed(lease, [DIED], f"the Dask workers that had it died: {error}")
    except Exception as error:  # noqa: BLE001 - what a worker without the package, or a lost scheduler, raises is anything
        if future.status != "error":
            return Returned(lease)
        return Failed(
            lease,
            [cls.__name__ for cls in type(error).__mro__ if cls is not object],
            f"the Dask worker could not begin: {error}; see that it has the same Beamloom as this process",
        )
