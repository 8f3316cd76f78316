"""Choosing by which pattern to read from a socket that nobody described."""

from __future__ import annotations

from typing import Final

import zmq

from beamloom.errors import UsageError, UserError
from beamloom.probing.greeting import Peer, greet
from beamloom.probing.listening import Listener

_PULL_SECONDS: Final = 1.5
"""How long a PUSH socket has to answer before the address is asked in another way."""


def listen(url: str, timeout: float) -> Listener | Peer:
    """A connection to ``url`` by the pattern that suits it; the Peer where there is something else than readable ZeroMQ.

    Raises UsageError for an address that cannot be right, UserError when nobody listens within ``timeout`` seconds.
    """
    try:
        # First by PULL: a PUSH socket takes who hangs up before the handshake is over for a reader that was lost.
        pulling = Listener(url, zmq.PULL)
        if pulling.wait_connected(min(_PULL_SECONDS, timeout)):
            return pulling
        pulling.close()
        peer = greet(url, timeout)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if peer is None:
        raise UserError(
            f"nobody listens at {url}; check the host and the port, that the device is switched on, and that no firewall is in between"
        )
    return peer if peer.read_by is None else Listener(url, peer.read_by)


def unreadable(url: str, peer: Peer) -> str:
    """Why nothing can be read from ``peer``, in a sentence."""
    if not peer.zeromq:
        return f"what listens at {url} does not speak ZeroMQ; 'beamloom probe {url}' tries to find out what it is"
    if peer.secured:
        return f"the ZeroMQ socket at {url} wants keys (CURVE or PLAIN); ask who runs it for an open one"
    if peer.socket_type is None:
        return f"the ZeroMQ socket at {url} does not say of which type it is; give --pattern sub or --pattern pull to 'beamloom record'"
    return f"the ZeroMQ socket at {url} is a {peer.socket_type}, from which nobody reads; check the port of the data"
