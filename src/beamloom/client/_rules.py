"""The rules of a pipeline, or of a service of its own, as a notebook or a script sees them: ``beamloom.connect(url).rules``."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from beamloom.client import _rules_display
from beamloom.client._http import Service
from beamloom.client._rules_display import ChainWatch
from beamloom.client._rules_told import ChainStatus, RuleChunk, RuleService, StepStatus
from beamloom.errors import NotReachable, PipelineError, RequestRefused, TimedOut

PATH: Final = "/api/v1/rules"
LOOK_SECONDS: Final = 0.2
"""Between two looks at a chain that is waited for."""
AT_ONCE: Final = 1000
"""Chunks that are asked for at a time."""


class Rules:
    """All chains of rules: ``submit`` starts one, ``rules[7]`` is one by its number, ``for chain in rules`` has the latest first."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def submit(
        self, description: Mapping[str, Any] | str | Path, *, key: str | None = None, by: str | None = None
    ) -> Chain:
        """Start rules: a mapping, YAML as text, or the path of a YAML file. Raises RequestRefused with what is wrong, and where.

        What is submitted again under the same ``key`` is there once. ``by`` is on whose behalf, by default yours.
        """
        told = self._post(
            description, PATH, {"by": _user() if by is None else by, **({"key": key} if key else {})}
        )
        return Chain(self._service, told.id)

    def check(self, description: Mapping[str, Any] | str | Path) -> ChainStatus:
        """The chain that a description would be, without starting anything. Raises RequestRefused."""
        return self._post(description, f"{PATH}/check", {"by": _user()})

    def list(self, most: int = 20, *, active: bool | None = None) -> list[ChainStatus]:
        """The latest chains first; ``active``: those that go on, or those that do not."""
        state = {} if active is None else {"state": "active" if active else "ended"}
        answer = self._service.get(PATH, dict[str, Any], {"last": str(most), **state})
        return msgspec.convert(answer["chains"], list[ChainStatus])

    def service(self) -> RuleService:
        """Which rules there are, and in which folders they read and write."""
        return self._service.get(f"{PATH}/service", RuleService)

    def __getitem__(self, number: int) -> Chain:
        """Raises KeyError."""
        chain = Chain(self._service, number)
        try:
            chain.status()
        except RequestRefused as refused:
            if refused.status == 404:
                raise KeyError(number) from refused
            raise
        return chain

    def __iter__(self) -> Iterator[Chain]:
        return iter([Chain(self._service, one.id) for one in self.list()])

    def __repr__(self) -> str:
        return "\n".join(str(one) for one in self.list()) or f"no rules at {self._service.url} yet"

    def _repr_html_(self) -> str:
        return _rules_display.chains_html(self.list())

    def _post(
        self, description: Mapping[str, Any] | str | Path, path: str, params: dict[str, str]
    ) -> ChainStatus:
        if isinstance(description, Mapping):
            body, kind = msgspec.json.encode(description), "application/json"
        else:
            body, kind = _text(description).encode(), "application/yaml"
        answer = self._service.ask("POST", path, content=body, params=params, headers={"Content-Type": kind})
        return self._service.decoded(answer, ChainStatus)


class Chain:
    """Rules that were submitted together."""

    def __init__(self, service: Service, number: int) -> None:
        self._service = service
        self.id = number
        """Its number, by which ``rules[number]`` finds it again."""

    def status(self) -> ChainStatus:
        """How far it is."""
        return self._service.get(f"{PATH}/{self.id}", ChainStatus)

    def wait(self, timeout: float | None = None) -> ChainStatus:
        """Wait until nothing of it goes on; how it ended then. Raises TimedOut; the chain goes on."""
        end = None if timeout is None else time.monotonic() + timeout
        away_since: float | None = None
        while True:
            try:
                told, away_since = self.status(), None
                if told.state != "running":
                    return told
                if end is not None and time.monotonic() > end:
                    raise TimedOut(f"{told}; it is not over after {timeout:g} s. Wait longer, or cancel() it")
            except NotReachable:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > self._service.timeout:
                    raise
            time.sleep(LOOK_SECONDS)

    def watch(self) -> ChainWatch:
        """Show how it goes on, in a notebook or a terminal, in a thread of its own, until it has ended or ``stop()`` is called."""
        return ChainWatch(self.status)

    def cancel(self, step: str | int | None = None) -> int:
        """End it, or one step (by name or number) with all that follows that; how many steps that were."""
        return self._do("cancel", step, {"by": _user()})

    def retry_failed(self, step: str | int | None = None) -> int:
        """Work off again what failed; how many chunks that are."""
        return self._do("retry", step, {})

    def prioritise(self, priority: int, step: str | int | None = None) -> int:
        """Higher comes first; how many steps that concerns."""
        return self._do("priority", step, {}, msgspec.json.encode({"priority": priority}))

    def chunks(self, step: str | int, state: str | None = None) -> Iterator[RuleChunk]:
        """The chunks of a step, in order: all, or those that are ``ready``, ``leased``, ``done`` or ``failed``."""
        number = self._step(step).id
        first: int | None = 0
        while first is not None:
            params = {
                "from": str(first),
                "count": str(AT_ONCE),
                **({} if state is None else {"state": state}),
            }
            answer = self._service.get(f"{PATH}/{self.id}/steps/{number}/chunks", dict[str, Any], params)
            yield from msgspec.convert(answer["chunks"], list[RuleChunk])
            first = answer["next"]

    def save(self, step: str | int, to: str | Path, key: str = "results") -> Path:
        """Fetch a file that a step has written; ``to`` is a file or a folder. Raises PipelineError where there is none of that key."""
        told = self._step(step)
        for output in told.outputs:
            if output.key == key:
                path = Path(to) / Path(output.path).name if Path(to).is_dir() else Path(to)
                where = f"{PATH}/{self.id}/steps/{told.id}/outputs/{output.number}"
                path.write_bytes(self._service.ask("GET", where, headers={"Accept": "*/*"}).content)
                return path
        there = ", ".join(output.key for output in told.outputs) or "nothing yet"
        raise PipelineError(f"the rule {told.name!r} has written no {key!r}; it has written: {there}")

    def __repr__(self) -> str:
        return str(self.status())

    def _repr_html_(self) -> str:
        return _rules_display.chain_html(self.status())

    def _step(self, step: str | int) -> StepStatus:
        steps = self.status().steps
        for one in steps:
            if step in (one.name, one.id):
                return one
        known = ", ".join(f"{one.name!r} ({one.id})" for one in steps)
        raise PipelineError(f"the chain {self.id} has no step {step!r}; it has: {known}")

    def _do(self, what: str, step: str | int | None, params: dict[str, str], body: bytes = b"") -> int:
        if step is not None:
            params = {**params, "step": str(self._step(step).id)}
        answer = self._service.ask("POST", f"{PATH}/{self.id}/{what}", params=params, content=body)
        return int(self._service.decoded(answer, dict[str, int])["count"])


def _text(description: str | Path) -> str:
    """YAML: the text itself, or that of the file where it is the name of one. Raises PipelineError."""
    if isinstance(description, str) and ("\n" in description or ":" in description):
        return description
    try:
        return Path(description).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(
            f"{description} cannot be read ({error}); give the path of a YAML file"
        ) from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
