"""Where the controller asks its supervisor for workers: a socket in a folder that is the user's alone.

One question a connection: a line of JSON, answered with one line. The controller is a child of the supervisor and may be started again at
any time; the socket stays as long as the supervisor does.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LAUNCHER_VARIABLE = "BEAMLOOM_LAUNCHER"
LONGEST_QUESTION = 4096
"""Bytes."""
LONGEST_FOLDER = 80
"""Characters; the path of a socket has 104 at most on some systems."""
PATIENCE = 2.0
"""Seconds in which a question has to be there."""

BREATH = 0.2
"""Seconds before the next try to take a question where that failed."""
LOOK = 1.0
"""Seconds after which the door sees that it is closed, where there is no file descriptor left to wake it up with."""

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Door:
    """Answers questions until it is closed."""

    def __init__(self, answer: Answer) -> None:
        """``answer`` is called in the thread of the door, with one question at a time."""
        self._answer = answer
        folder = Path(tempfile.gettempdir(), f"beamloom-{secrets.token_hex(8)}")
        self._folder = folder if len(str(folder)) < LONGEST_FOLDER else Path("/tmp", folder.name)
        self.path = self._folder / "launcher"
        """Of the socket."""
        self._closed = False
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Begin to answer."""
        self._folder.mkdir(mode=0o700)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(self.path))
        listening.listen()
        listening.settimeout(LOOK)
        self._thread = threading.Thread(target=self._serve, args=(listening,), name="launcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more. May be called twice."""
        if self._thread is None or self._closed:
            return
        self._closed = True
        # Wakes up who waits for a connection.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as waker:
            waker.connect(str(self.path))
        self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self, listening: socket.socket) -> None:
        with listening:
            self._accept(listening)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError as error:
                if self._closed:
                    return
                if isinstance(error, TimeoutError):
                    continue
                # No file descriptor is left, which passes.
                time.sleep(BREATH)
                continue
            with connection:
                if self._closed:
                    return
                # Whoever goes away before the answer, or asks nothing, is no concern of the next one.
                with contextlib.suppress(OSError):
                    self._attend(connection)

    def _attend(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        with connection.makefile("rb") as asked:
            line = asked.readline(LONGEST_QUESTION)
        try:
            question = json.loads(line)
        except ValueError:
            question = None
        try:
            answer = self._answer(question if isinstance(question, dict) else {})
        # Whatever keeps one question from being answered, the door stays open for the next one.
        except Exception as error:  # noqa: BLE001
            answer = {
                "problem": f"the supervisor could not do it ({type(error).__name__}: {error}); ask again"
            }
        connection.sendall(json.dumps(answer).encode() + b"\n")
