"""Another analysis beside the run: started, shown, promoted, stopped.

Policy: to promote is to update: the worker class of the shadow is the next edition of the code, from the next event on that is not given
out, and in the account as any other. What takes over is the code that was looked at: files that have changed since are refused. A result
is made by one reducer class from its first event to its last; another one is named in the pipeline file, for the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from beamloom.control.answers.forms import Promotion, ShadowWanted
from beamloom.control.answers.updates import LOOK_EVERY, UpdateAnswers
from beamloom.control.asking import as_json, decoded_as
from beamloom.control.launcher import NoLauncher
from beamloom.errors import UserError

ABSENT = (
    "no shadow worker can be started from here, as this pipeline was not started by 'beamloom up' on this machine; "
    "start one by hand with 'beamloom shadowworker'"
)


class NoShadow(UserError):
    """No shadow worker takes part; the text says how one would."""


class ShadowRefused(UserError):
    """A shadow cannot be started, or not be promoted; the text says why."""


class ShadowTooSlow(UserError):
    """The shadow worker did not come in time."""


class ShadowAnswers(UpdateAnswers):
    """What is asked of shadows."""

    async def shadow(self, request: Request) -> Response:
        """The shadow worker: its classes, its sample, and what came of the copies that it got."""
        return await self._of_controller(_told)

    async def start_shadow(self, request: Request) -> Response:
        """Have another worker and reducer class work on copies of a sample of the events, in the place of any other shadow."""
        says = (
            'the body is {"worker": "module:Class", "reducer": "module:Class", "sample": share of the events above 0, up to 1}, '
            "of which all may be left out"
        )
        wanted = decoded_as(ShadowWanted, await request.body() or b"{}", says)
        if not self._controller.settings.launcher:
            raise NoLauncher(ABSENT)
        before = await self._ask(self._present)
        asked = {"do": "shadow", "worker": wanted.worker, "reducer": wanted.reducer, "sample": wanted.sample}
        await self._expect_to_go(before, wanted=True)
        try:
            name: str = (await self._ask_launcher(asked))["started"]
        except UserError:
            await self._expect_to_go(before, wanted=False)
            raise
        try:
            await self._wait_for_shadow(name, wanted.patience)
        except BaseException:
            with contextlib.suppress(UserError):
                await self._end_shadow(name)
            raise
        return await self._of_controller(_told)

    async def stop_shadow(self, request: Request) -> Response:
        """Have the shadow worker end."""
        shadow = await self._ask(self._shadow)
        return as_json({"stopping": await self._end_shadow(shadow.name)})

    async def promote(self, request: Request) -> Response:
        """Have the shadow's worker class take over from the next event on that is not given out; the shadow ends."""
        says = 'the body is {"worker_only": true or false, "patience": seconds}, both may be left out'
        wanted = decoded_as(Promotion, await request.body() or b"{}", says)
        shadow = await self._ask(lambda: self._promotable(worker_only=wanted.worker_only))
        register = shadow.register
        told = await self._renew(register.analysis, wanted.patience, register.digest)
        # One that was started elsewhere goes on there.
        with contextlib.suppress(NoLauncher):
            await self._end_shadow(shadow.name)
        return as_json(told)

    async def _expect_to_go(self, shadow: Any, *, wanted: bool) -> None:
        if shadow is not None:
            await self._ask(lambda: self._controller.lately.wants_gone(shadow.name, wanted=wanted))

    # ---- in the controller's thread ---------------------------------------------------------------------------------------

    def _present(self) -> Any:
        return self._controller.ensemble.shadow

    def _shadow(self) -> Any:
        shadow = self._present()
        if shadow is None:
            raise NoShadow("no shadow worker takes part; start one with 'beamloom shadow start'")
        return shadow

    def _promotable(self, *, worker_only: bool) -> Any:
        shadow = self._shadow()
        if shadow.register.fault:
            raise ShadowRefused(f"the shadow cannot take over, as it does not work: {shadow.register.fault}")
        reducer = self._controller.ensemble.reducer
        present = "" if reducer is None else reducer.register.analysis
        other = "" if shadow.register.shadow is None else shadow.register.shadow.reducer
        if other != present and not worker_only:
            raise ShadowRefused(
                f"the shadow has another reducer class ({other or 'none'}) than the pipeline ({present or 'none'}), and a result is "
                "made by one class from its first event to its last; promote the worker class alone (--worker-only), or name both in "
                "the pipeline file and start it again"
            )
        return shadow

    async def _wait_for_shadow(self, name: str, patience: float) -> None:
        """Raises ShadowRefused where it cannot work, ShadowTooSlow where it does not come."""
        deadline = time.monotonic() + patience

        def fault_of() -> str | None:
            """Empty where it works, None where it is not there."""
            found = self._present()
            return None if found is None or found.name != name else str(found.register.fault or "")

        while (fault := await self._ask(fault_of)) is None:
            if time.monotonic() > deadline:
                raise ShadowTooSlow(
                    f"after {patience:g} s the shadow worker {name} is not there; look at the logs, or give more time "
                    '({"patience": seconds})'
                )
            await asyncio.sleep(LOOK_EVERY)
        if fault:
            raise ShadowRefused(f"the shadow cannot be started: {fault}")

    async def _end_shadow(self, name: str) -> str:
        """Raises NoLauncher where nobody here can end it."""
        await self._ask(lambda: self._controller.lately.wants_gone(name))
        try:
            known = bool(self._controller.settings.launcher)
            ended = (await self._ask_launcher({"do": "unshadow"}))["stopping"] if known else []
            if name not in ended:
                raise NoLauncher(f"{name} was not started here; stop it where it was started")
        except NoLauncher:
            await self._ask(lambda: self._controller.lately.wants_gone(name, wanted=False))
            raise
        return name


def _told(controller: Any) -> dict[str, Any]:
    shadow = controller.ensemble.shadow
    reducer = controller.ensemble.reducer
    run = None if controller.active is None else controller.active.run.run_id
    return {
        "run": run,
        "reducer": None if reducer is None else reducer.register.analysis,
        "shadow": None
        if shadow is None
        else {
            "name": shadow.name,
            "worker": shadow.register.analysis,
            "reducer": "" if shadow.register.shadow is None else shadow.register.shadow.reducer,
            "sample": 0.0 if shadow.register.shadow is None else shadow.register.shadow.sample.share,
            "digest": shadow.register.digest,
            "code": shadow.register.code,
            "fault": shadow.register.fault,
            "workers": [worker.name for worker in controller.shadows.copied_from(shadow)],
            "copied": shadow.notes.get("shadow", {}),
        },
    }
