"""Whoever connects to a mailbox and speaks no ZeroMQ, or half of it, holds up nobody: what members send arrives."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from urllib.parse import urlsplit

import pytest
import zmq

from beamloom.transport.channel import Received
from beamloom.transport.keys import new_keys
from beamloom.transport.messages import Finish, Tick, encode
from beamloom.transport.zeromq import ZmqChannel
from support.patience import PATIENCE
from transport.garbage import GARBAGE


@pytest.mark.parametrize("keyed", [False, True])
def test_garbage_on_the_wire_of_a_mailbox_changes_nothing_for_members(keyed: bool) -> None:
    keys = new_keys() if keyed else None
    mailbox, member = ZmqChannel("here", keys=keys), ZmqChannel("member", keys=keys)
    place = urlsplit(mailbox.address)
    with contextlib.ExitStack() as stack:
        stack.callback(mailbox.close)
        stack.callback(member.close)
        for garbage in GARBAGE:
            connection = stack.enter_context(socket.create_connection((place.hostname, place.port), PATIENCE))
            with contextlib.suppress(OSError):
                connection.sendall(garbage)
        context = stack.enter_context(zmq.Context())
        intruder = stack.enter_context(context.socket(zmq.DEALER))
        intruder.linger = 0
        intruder.connect(mailbox.address)
        intruder.send_multipart([os.urandom(100)])
        intruder.send_multipart([encode("controller", Finish("forged"))])
        member.connect("here", mailbox.address)
        member.send("here", Tick("run"))
        received: list[Received] = []
        end = time.monotonic() + PATIENCE
        while not any(one.sender == "member" for one in received) and time.monotonic() < end:
            received += mailbox.receive(0.1)
        assert [one.message for one in received if one.sender == "member"] == [Tick("run")]
        if keyed:
            received += mailbox.receive(0.5)
            assert {one.sender for one in received} == {"member"}
