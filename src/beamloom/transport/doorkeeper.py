"""Lets in who has the key of the pipeline, and counts who has not.

ZeroMQ asks for each connection that has proved to hold a pair of keys whether this pair is welcome (ZAP, RFC 27). A stranger who does not
even know the key of the mailbox does not come so far: its handshake fails, which the monitor of the mailbox tells. A thread answers the
one and reads the other at once, whatever the service is busy with: an unread monitor holds up the connections of everybody.
"""

from __future__ import annotations

import hmac
import threading
from typing import Any

import zmq
from zmq.utils import z85

from beamloom.transport.keys import Keys
from beamloom.zmq_reports import next_report

ZAP_ADDRESS = "inproc://zeromq.zap.01"
FAILURES = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


class Doorkeeper:
    """Stands at one mailbox, in a thread of its own; ends with the context of the mailbox."""

    def __init__(self, context: zmq.Context[Any], mailbox: zmq.Socket[Any], keys: Keys) -> None:
        """To be called before the mailbox listens."""
        self.turned_away = 0
        """Connections that were refused."""
        self._key = z85.decode(keys.public)
        self._questions: zmq.Socket[bytes] = context.socket(zmq.REP)
        self._questions.set(zmq.LINGER, 0)
        self._questions.bind(ZAP_ADDRESS)
        self._failures = mailbox.get_monitor_socket(FAILURES)
        self._thread = threading.Thread(target=self._stand, name="doorkeeper", daemon=True)
        self._thread.start()

    def _stand(self) -> None:
        poller = zmq.Poller()
        poller.register(self._questions, zmq.POLLIN)
        poller.register(self._failures, zmq.POLLIN)
        try:
            while True:
                for socket, _ in poller.poll():
                    if socket == self._questions:
                        self._answer(self._questions.recv_multipart())
                    else:
                        while next_report(self._failures) is not None:
                            self.turned_away += 1
        except zmq.ContextTerminated:
            self._questions.close(0)
            self._failures.close(0)

    def _answer(self, question: list[bytes]) -> None:
        # version, request id, domain, address, identity, mechanism, credentials
        admitted = (
            len(question) == 7 and question[5] == b"CURVE" and hmac.compare_digest(question[6], self._key)
        )
        status = (b"200", b"OK") if admitted else (b"400", b"not a member of this pipeline")
        self._questions.send_multipart([b"1.0", question[1] if len(question) > 1 else b"", *status, b"", b""])

    def join(self) -> None:
        """Wait for its end; to be called when the context has been terminated."""
        self._thread.join()
