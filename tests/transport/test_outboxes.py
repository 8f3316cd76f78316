"""What an outbox keeps of what it has sent."""

from __future__ import annotations

import zmq

from beamloom.transport.links import STAMP, Arrivals
from beamloom.transport.outboxes import Outbox

MESSAGE = bytes(32 << 10)
MOST_KEPT = 2 << 20


def test_a_fast_sender_keeps_no_more_than_two_megabytes_of_what_a_mailbox_has_taken() -> None:
    arrivals = Arrivals()
    with zmq.Context() as context, context.socket(zmq.ROUTER) as mailbox:
        mailbox.bind("inproc://mailbox")
        socket = context.socket(zmq.DEALER)
        socket.set(zmq.SNDHWM, 0)
        socket.connect("inproc://mailbox")
        outbox = Outbox(socket, "inproc://mailbox")
        most = 0
        for _ in range(2048):
            outbox.send(b"head", [MESSAGE])
            connection, stamped, buffer = mailbox.recv_multipart()
            assert arrivals.take(connection, stamped[: STAMP.size], len(stamped) + len(buffer))
            for told, answer in arrivals.answers:
                assert isinstance(told, bytes)
                mailbox.send_multipart((told, answer))
            arrivals.answers.clear()
            most = max(most, outbox.waiting)
        outbox.close(0)
    assert most * len(MESSAGE) <= MOST_KEPT
