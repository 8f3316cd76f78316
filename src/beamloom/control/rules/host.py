"""Keeps the process of the rules running while it is needed, and speaks with it. See the package for what callers do.

It is started by the first who asks for it, or at once where an earlier one has left work in the ledger. When it ends by itself, because
nothing was to do, the next one who asks starts it again. When it dies, it is started again: what it was at is in its ledger.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from beamloom.control.rules.answers import OwnRules
from beamloom.control.rules.child import Child
from beamloom.errors import UserError
from beamloom.settings import ControllerSettings

if TYPE_CHECKING:
    import httpx

    from beamloom.rules.ledger.left import Left

logger = logging.getLogger(__name__)
START = 120.0
"""Seconds in which it has to listen."""
PAUSES = (0.1, 1.0, 5.0, 30.0)
"""Seconds before it is started again, after one death, two, and so on."""
WELL = 60.0
"""Seconds after which one that ran has not died of its start."""
ENDS = "the service of the rules does not run: the controller ends"


class RulesRefused(UserError):
    """The service of the rules does not do what was asked; the text says why."""

    def __init__(self, sentence: str, status: int = 503) -> None:
        super().__init__(sentence)
        self.status = status
        """Of HTTP."""


class RulesHost:
    """See the module. All methods may be called by any thread."""

    def __init__(self, settings: ControllerSettings, folder: Path) -> None:
        """``folder``: that of the ledger."""
        self.token = secrets.token_urlsafe(32)
        """What the process asks for."""
        self._settings = settings
        self._folder = folder
        self._turn = threading.Lock()
        self._there: Future[str] = Future()
        """Where it listens, once it does."""
        self._wanted = threading.Event()
        self._child: Child | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="rules-host", daemon=True)
        self._thread.start()
        self._submitting = ThreadPoolExecutor(1, thread_name_prefix="rules-submit")
        left = _left(settings, folder)
        self.has_ledger = left is not None and left.ledger
        """Whether there ever was a rule."""
        if left is not None and left.work:
            self._wanted.set()

    @property
    def pid(self) -> int | None:
        """The id of the process; None while there is none."""
        child = self._child
        return None if child is None else child.pid

    def address(self) -> Future[str]:
        """Where the process listens; it is started if it does not run. Fails with RulesRefused."""
        mine: Future[str] = Future()

        def tell(there: Future[str]) -> None:
            # Who asked may have given up meanwhile.
            if mine.set_running_or_notify_cancel():
                refused = there.exception()
                if refused is None:
                    mine.set_result(there.result())
                else:
                    mine.set_exception(refused)

        with self._turn:
            self._wanted.set()
            there = self._there
        if self._closing.is_set():
            mine.set_exception(RulesRefused(ENDS))
            return mine
        there.add_done_callback(tell)
        return mine

    def submit(self, rules: OwnRules) -> Future[dict[str, Any]]:
        """Start rules; returns at once. See the package."""
        if not rules.key:
            # With a key of its own it can be sent again when the service dies before it has answered.
            rules = msgspec.structs.replace(rules, key=uuid.uuid4().hex)
        return self._submitting.submit(self._submit, msgspec.json.encode(rules))

    def close(self) -> None:
        """End the process; what it is at goes on when its folder is opened again."""
        self._closing.set()
        self._wanted.set()
        with self._turn:
            child = self._child
        if child is not None:
            child.end()
        self._thread.join()
        self._submitting.shutdown(wait=True, cancel_futures=True)

    def _submit(self, body: bytes) -> dict[str, Any]:
        import httpx

        deadline = time.monotonic() + START
        while True:
            try:
                url = self.address().result(START)
            except TimeoutError:
                raise RulesRefused(
                    "the service of the rules does not start in time; its log says why"
                ) from None
            try:
                answer = httpx.post(
                    f"{url}/own",
                    content=body,
                    headers={"Authorization": f"Bearer {self.token}"},
                    timeout=START,
                    trust_env=False,
                )
            except httpx.TransportError as error:
                if self._closing.is_set() or time.monotonic() > deadline:
                    raise RulesRefused(f"the service of the rules broke off ({error}); ask again") from error
                self._closing.wait(0.1)
                continue
            if answer.is_success:
                return msgspec.json.decode(answer.content, type=dict[str, Any])
            raise RulesRefused(_sentence(answer), answer.status_code)

    # The thread: the child ends with it, so it has to be the one that starts it.

    def _keep(self) -> None:
        deaths = 0
        while True:
            self._wanted.wait()
            if self._closing.is_set():
                break
            begun = time.monotonic()
            try:
                status = self._run()
            except OSError as error:
                logger.error("the service of the rules cannot be started: %s; it is tried again", error)
                self._refuse(f"the service of the rules cannot be started: {error}; ask again")
                # What an earlier one has left is still to be worked off.
                self._wanted.set()
                status = 1
            if self._closing.is_set():
                break
            if status == 0:
                deaths = 0
                continue
            deaths = 1 if time.monotonic() - begun > WELL else deaths + 1
            self._closing.wait(PAUSES[min(deaths, len(PAUSES)) - 1])
        self._refuse(ENDS)

    def _run(self) -> int:
        """One life of the process; its exit status."""
        child = Child(self._settings, self._folder, self.token)
        with self._turn:
            self._child = child
        if self._closing.is_set():
            child.end()
            return child.wait()
        told = child.announced()
        if told.url:
            self.has_ledger = True
            self._there.set_result(told.url)
        elif not self._closing.is_set():
            logger.error("the service of the rules does not start: %s", told.error)
            self._refuse(f"the service of the rules does not run: {told.error}")
        status = child.wait()
        with self._turn:
            self._child = None
            if self._there.done():
                self._there = Future()
            # Whoever asks from now on starts it again; one that died is started at once, for the work that it has left.
            if told.url and status == 0:
                self._wanted.clear()
        if told.url and status and not self._closing.is_set():
            logger.error(
                "the service of the rules has ended with the status %d, and is started again", status
            )
        return status

    def _refuse(self, why: str) -> None:
        with self._turn:
            there, self._there = self._there, Future()
            self._wanted.clear()
        if not there.done():
            there.set_exception(RulesRefused(why))


def _left(settings: ControllerSettings, folder: Path) -> Left | None:
    """What an earlier process has left in the ledger of these settings."""
    if not settings.store and not folder.is_dir():
        return None
    from beamloom.rules.ledger.left import left_at, left_in  # loaded where there is something to see

    return left_at(settings.store, settings.pipeline) if settings.store else left_in(folder)


def _sentence(answer: httpx.Response) -> str:
    try:
        return str(msgspec.json.decode(answer.content, type=dict[str, Any]).get("detail", ""))
    except msgspec.DecodeError:
        return f"the service of the rules answers with the status {answer.status_code}"
