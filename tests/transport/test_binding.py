"""Mailboxes listen where they are told to: on an interface, in a network, on one of several ports."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from beamloom.errors import UserError
from beamloom.services.shell.mailbox import http_known_as, keys_of, known_as, open_mailbox
from beamloom.settings import ControllerSettings, ReducerSettings, WorkerSettings
from beamloom.transport.binding import CannotBind
from beamloom.transport.interfaces import address_at, address_towards, interfaces
from beamloom.transport.zeromq import ZmqChannel


def free_ports(count: int) -> range:
    """So many ports in a row of which all are free now."""
    for first in range(21000, 31000, count):
        with ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return range(first, first + count)
    raise AssertionError("no free ports")


def port_of(channel: ZmqChannel) -> int:
    return int(channel.address.rpartition(":")[2])


def test_mailboxes_share_a_range_of_ports_until_all_are_taken() -> None:
    ports = free_ports(3)
    settings = WorkerSettings(ports=f"{ports[0]}-{ports[-1]}")
    with ExitStack() as stack:
        taken = []
        for number in range(3):
            channel = open_mailbox(settings, None, f"worker-{number}")
            stack.callback(channel.close)
            taken.append(port_of(channel))
        assert sorted(taken) == list(ports)
        with pytest.raises(
            CannotBind, match=f"all ports from {ports[0]} to {ports[-1]} of 127.0.0.1 are taken; give more"
        ):
            open_mailbox(settings, None, "worker-3")


def test_a_port_that_is_given_wins_over_the_range() -> None:
    (port,) = free_ports(1)
    channel = open_mailbox(WorkerSettings(data_port=port, ports="1024-1030"), None, "worker")
    try:
        assert port_of(channel) == port
    finally:
        channel.close()


@pytest.mark.parametrize("ports", ["9-8", "0-5", "60000-70000"])
def test_a_range_without_ports_is_refused(ports: str) -> None:
    with pytest.raises(ValueError, match="is no range; give the lower one first"):
        WorkerSettings(ports=ports)


def test_an_address_of_another_machine_is_refused_with_what_this_one_has() -> None:
    with pytest.raises(
        CannotBind, match=r"192\.0\.2\.99 is no address and no interface of this machine; 'ip address' shows"
    ):
        open_mailbox(WorkerSettings(bind="192.0.2.99", mailbox_open=True), None, "worker")


def test_interfaces_and_networks_stand_for_their_addresses() -> None:
    assert "127.0.0.1" in [one.address for one in interfaces()]
    assert [address_at(where) for where in ("lo", "127.0.0.0/8", "127.0.0.1", "some.host", "0.0.0.0", "::1", "")] == [
        "127.0.0.1", "127.0.0.1", "127.0.0.1", "some.host", "0.0.0.0", "::1", "",
    ]  # fmt: skip
    channel = open_mailbox(
        WorkerSettings(bind="lo", advertise="127.0.0.0/8"), keys_of(WorkerSettings(bind="lo")), "worker"
    )
    try:
        assert channel.address.startswith("tcp://127.0.0.1:")
    finally:
        channel.close()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("203.0.113.0/24", "this machine has no address in 203.0.113.0/24; it has 127.0.0.1 on lo"),
        ("10.1.0/16", "is no network"),
    ],
)
def test_a_network_that_this_machine_is_not_in_is_refused(where: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        address_at(where)


def test_who_listens_everywhere_tells_an_address_that_others_can_reach() -> None:
    told = {known_as(WorkerSettings(bind="0.0.0.0")), known_as(ControllerSettings(bind="0.0.0.0"))}
    assert told <= {one.address for one in interfaces()}
    assert known_as(WorkerSettings(bind="0.0.0.0", advertise="beamline-7")) == "beamline-7"
    assert known_as(WorkerSettings()) == ""
    assert http_known_as(ReducerSettings(http_host="0.0.0.0", bind="10.1.0.4")) == "10.1.0.4"
    assert http_known_as(ReducerSettings(http_host="0.0.0.0")) == ""
    assert http_known_as(ReducerSettings(http_host="10.1.0.4", advertise="beamline-7")) == "beamline-7"
    assert address_towards("tcp://127.0.0.1:10500") == "127.0.0.1"
    assert address_towards("tcp://no-such-machine.invalid:1") is None
