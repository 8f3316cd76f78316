"""Why a mailbox does not let this process in: a process that lacks the key ends with a sentence, and does not wait for ever.

Policy: where the two do not even agree on whether there are keys, that is certain at the first handshake. Where it breaks off
without a word, the other end may also have died in the middle of it, or hung up before its own greeting was read; only many failures in
a row, over a while, without one success mean that the keys differ. A mailbox where nobody listens is none of this: it may come.
"""

from __future__ import annotations

from typing import Any

import zmq

from beamloom.transport.keys import Keys
from beamloom.zmq_reports import next_report

FAILURES_IN_A_ROW = 10
FAILING_FOR = 2.0
"""Seconds over which they have to be spread."""
_OTHER_MECHANISM = zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
_EVENTS = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


class Handshakes:
    """Those of one socket that connects to one address, until the first that succeeds."""

    def __init__(self, socket: zmq.Socket[Any], address: str, keys: Keys | None) -> None:
        """To be called before the socket connects."""
        self._socket = socket
        self._address = address
        self._keys = keys
        self._monitor: zmq.Socket[Any] | None = socket.get_monitor_socket(_EVENTS)
        self._failures = 0
        self._first_failure = 0.0
        self._refusal: str | None = None

    def refusal(self, now: float) -> str | None:
        """Why we are not let in, as a sentence; None while we are, or may still be."""
        while self._monitor is not None and (told := next_report(self._monitor)) is not None:
            self._hear(told.event, told.value, now)
        return self._refusal

    def _hear(self, event: int, value: int, now: float) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.close()
        elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            self._refusal = self._of_mechanism() if value == _OTHER_MECHANISM else self._of_a_stranger()
            self.close()
        else:
            self._first_failure = self._first_failure if self._failures else now
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW and now - self._first_failure >= FAILING_FOR:
                self._refusal = self._of_keys()
                self.close()

    def _of_mechanism(self) -> str:
        if self._keys is None:
            return (
                f"the process at {self._address} takes messages only from those who hold the key of its pipeline, and this one has none; "
                "name the key file with --keys (or BEAMLOOM_KEYS)"
            )
        return (
            f"the process at {self._address} uses no keys, and this one has those of {self._keys.origin}; start both with the same "
            "--keys, or both without"
        )

    def _of_keys(self) -> str:
        if self._keys is None:
            return self._of_a_stranger()
        return (
            f"the process at {self._address} does not take the key of {self._keys.origin}; it has another one, or none at all: "
            "copy the file of the one to the other"
        )

    def _of_a_stranger(self) -> str:
        sentence = f"what listens at {self._address} is no process of a pipeline; look at which port the controller has its mailbox"
        # The greeting of a mailbox with keys may be cut off before it is read.
        return (
            sentence
            if self._keys is not None
            else f"{sentence}, and if the pipeline has keys, name the key file with --keys"
        )

    def close(self) -> None:
        """Listen no more: events that nobody reads would hold up the socket."""
        if self._monitor is not None:
            self._socket.disable_monitor()
            self._monitor.close(0)
            self._monitor = None
