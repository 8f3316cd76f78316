"""More workers, or fewer, while runs go on.

Policy: a worker that is stopped ends after the event that it is in, and what else it holds goes to others, so nothing is lost; that it is
gone is then no finding. The last worker that the run needs is not stopped.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from beamloom.control.answers.forms import MoreWorkers
from beamloom.control.asking import Asking, as_json, decoded_as
from beamloom.control.launcher import NoLauncher, NoWorker
from beamloom.errors import did_you_mean
from beamloom.triggermap import TriggerMapError


class WorkerAnswers(Asking):
    """What is asked of workers."""

    async def workers(self, request: Request) -> Response:
        """Which workers can be started and stopped from here."""
        try:
            listed = await self._ask_launcher({"do": "list"})
        except NoLauncher as error:
            return as_json({"can_start": False, "why_not": str(error), "kinds": [], "workers": []})
        return as_json({"can_start": True, "why_not": None, **listed})

    async def start_workers(self, request: Request) -> Response:
        """Start further workers; they take part in the run that goes on, too."""
        says = 'the body is {"count": number, "kind": number}, both may be left out'
        wanted = decoded_as(MoreWorkers, await request.body() or b"{}", says)
        return as_json(await self._ask_launcher({"do": "start", "count": wanted.count, "kind": wanted.kind}))

    async def stop_worker(self, request: Request) -> Response:
        """Stop a worker: it ends after the event that it is in, what else it holds goes to others."""
        name = request.path_params["name"]
        await self._ask(lambda: _let_go(self._controller, name))
        try:
            return as_json(await self._ask_launcher({"do": "stop", "name": name}))
        except (NoLauncher, NoWorker):
            await self._ask(lambda: self._controller.lately.wants_gone(name, wanted=False))
            raise

    async def drain_worker(self, request: Request) -> Response:
        """The same of any worker, wherever it was started."""
        name = request.path_params["name"]
        await self._ask(lambda: _drain(self._controller, name))
        return as_json({"draining": name})


def _let_go(controller: Any, name: str) -> None:
    """Expect this worker to go. Raises NoLauncher where the pipeline cannot do without it."""
    leaving = {name, *controller.lately.leaving}
    workers = controller.ensemble.staying
    staying = [one for one in workers if one.name not in leaving]
    if name in [one.name for one in workers]:
        if not [one for one in staying if one.role == "worker"]:
            raise NoLauncher(
                f"{name} is the only worker; start another one first, or end the whole pipeline where it was started"
            )
        _check_suffice(controller.active, staying, name)
    controller.lately.wants_gone(name)


def _drain(controller: Any, name: str) -> None:
    """Ask a worker itself to leave. Raises NoLauncher as ``_let_go`` does, and NoWorker."""
    _let_go(controller, name)
    if not controller.departures.ask(name, "asked to leave over HTTP"):
        controller.lately.wants_gone(name, wanted=False)
        names = [one.name for one in controller.ensemble.workers]
        raise NoWorker(f"no worker {name!r} takes part{did_you_mean(name, names)}")


def _check_suffice(active: Any, staying: list[Any], name: str) -> None:
    if active is None or active.finished or active.run.last_assigned == active.run.ledger.total:
        return
    try:
        active.run.trigger_map.check(list(active.run.layouts), [one.register.tags for one in staying])
    except TriggerMapError as error:
        raise NoLauncher(f"the run needs {name}: {error}") from None
