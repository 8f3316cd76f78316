"""Newer code for the workers, while a run goes on.

Policy: nothing changes for the run before all newer workers have joined it. Where one of them cannot work, those that were started are
ended again, the others go on, and the answer says why. Older workers leave when all events before the first of the newer ones are settled.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from beamloom.control.answers.forms import Update
from beamloom.control.asking import Asking, as_json, decoded_as
from beamloom.control.launcher import ABSENT, NoLauncher
from beamloom.control.views.runs import editions
from beamloom.errors import UserError

LOOK_EVERY = 0.05
"""Seconds between two looks whether the newer workers are there."""


class UpdateTooSlow(UserError):
    """The newer workers did not come in time."""


class UpdateAnswers(Asking):
    """What is asked of updates."""

    async def editions(self, request: Request) -> Response:
        """Which code the workers have, and which of it has made what in the run."""
        return as_json(await self._ask(lambda: _state(self._controller)))

    async def update(self, request: Request) -> Response:
        """Have newer code take over from the next event on that is not given out."""
        says = (
            'the body is {"worker": "module:Class"} for another class, {"edition": number} for workers that were started by hand, '
            "and empty for what is in the files now"
        )
        wanted = decoded_as(Update, await request.body() or b"{}", says)
        if wanted.edition is not None:
            return as_json(await self._take_over(wanted.edition, []))
        return as_json(await self._renew(wanted.worker, wanted.patience))

    async def _renew(self, worker: str, patience: float, digest: str = "") -> dict[str, Any]:
        """Have workers with this class, or what is in the files now, started and take over; with a ``digest`` only that very code."""
        if not self._controller.settings.launcher:
            raise NoLauncher(
                f"{ABSENT} with --edition and a higher number than that of the others, then say so here"
            )
        number = 1 + await self._ask(self._controller.updates.newest)
        asked = {"do": "renew", "edition": number, "class": worker}
        names: list[str] = (await self._ask_launcher(asked))["started"]
        try:
            await self._wait_for(names, patience)
            if digest:
                await self._ask(lambda: self._controller.updates.check_digest(names, digest))
            told = await self._take_over(number, names)
        except BaseException:
            for name in names:
                with contextlib.suppress(UserError):
                    await self._ask(partial(self._controller.lately.wants_gone, name))
                    await self._ask_launcher({"do": "stop", "name": name})
            raise
        await self._ask_launcher({**asked, "do": "adopt"})
        return told

    async def _wait_for(self, names: list[str], patience: float) -> None:
        """Raises UpdateTooSlow, and UpdateRefused where one of these workers will never be ready."""
        deadline = time.monotonic() + patience
        while missing := await self._ask(
            lambda: self._controller.updates.waited_for(names, self._controller.active)
        ):
            if time.monotonic() > deadline:
                raise UpdateTooSlow(
                    f"after {patience:g} s {', '.join(missing)} could not take over, so the others go on; look at the logs, or "
                    'give more time ({"patience": seconds})'
                )
            await asyncio.sleep(LOOK_EVERY)

    async def _take_over(self, number: int, names: list[str]) -> dict[str, Any]:
        first = await self._ask(lambda: self._controller.updates.begin(number, self._controller.active))
        return {"edition": number, "first_event": first, "started": names}


def _state(controller: Any) -> dict[str, Any]:
    workers = [
        {
            "name": worker.name,
            "edition": worker.register.edition,
            "class": worker.register.analysis,
            "digest": worker.register.digest,
            "code": worker.register.code,
            "drains": worker.drains,
        }
        for worker in controller.ensemble.workers
    ]
    run = None if controller.active is None else controller.active.run
    return {
        "workers": workers,
        "run": None if run is None else run.run_id,
        "editions": [] if run is None else editions(run),
    }
