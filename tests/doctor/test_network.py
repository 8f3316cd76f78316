"""Each check of the network finds what it is there for, and says nothing of a network that is well."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from beamloom.doctor import Finding, Gravity
from beamloom.doctor.network import (
    Machine,
    Place,
    Way,
    examine_network,
    machine_of,
    places_of,
    ways_to,
)
from beamloom.doctor.network.reaching import Trouble
from beamloom.transport.interfaces import Interface

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
ens1f0\t00000000\t010010AC\t0003\t0\t0\t100\t00000000\t0\t0\t0
ens1f0\t0000010A\t00000000\t0001\t0\t0\t100\t0000FFFF\t0\t0\t0
ens1f1\t0000010A\t00000000\t0001\t0\t0\t101\t0000FFFF\t0\t0\t0
eno1\t000010AC\t00000000\t0001\t0\t0\t102\t00F0FFFF\t0\t0\t0
"""
"""As a machine with two cards in 10.1.0.0/16 has it, and one in 172.16.0.0/20."""
NETSTAT = """\
TcpExt: SyncookiesSent SyncookiesRecv ListenOverflows ListenDrops TCPTimeouts
TcpExt: 0 0 12 14 3
IpExt: InNoRoutes InTruncatedPkts
IpExt: 3 0
"""
CARD = Interface("ens1f0", "10.1.0.4", "10.1.0.0/16", 9000)
WELL: dict[str, Any] = {
    "name": "control",
    "interfaces": (CARD,),
    "speeds": {"ens1f0": 100e9},
    "receive_most": 64 << 20,
    "send_most": 64 << 20,
    "receive_asked": 64 << 20,
    "send_asked": 64 << 20,
    "backlog_most": 4096,
    "overflows": 0,
}


def machine(**other: Any) -> Machine:
    """One that is set up well, but for what is said."""
    return Machine(**(WELL | other))


def place(url: str = "tcp://10.1.0.7:10600", process: str = "eiger-ingester", host: str = "dcu") -> Place:
    return Place(process, host, url)


def way(where: Place | None = None, **other: Any) -> Way:
    """A way on which all is well, but for what is said."""
    usual: dict[str, Any] = {
        "there": "10.1.0.7",
        "here": "10.1.0.4",
        "seconds": 1e-4,
        "sends": 9000,
        "takes": 9000,
    }
    return Way(place=where or place(), **(usual | {"passes": True} | other))


def only(here: Machine, *ways: Way, **more: Any) -> Finding:
    (finding,) = examine_network(here, ways, **more)
    return finding


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert (
        examine_network(machine(), [way(), way(place(process="worker-1", host="node"), there="10.1.0.8")])
        == []
    )
    assert examine_network(Machine(), [way(sends=None, takes=None, passes=None, seconds=None)]) == []


def test_what_a_machine_has_is_read_of_its_system() -> None:
    texts = {
        "/proc/net/route": ROUTES,
        "/proc/net/netstat": NETSTAT,
        "/proc/sys/net/ipv4/tcp_rmem": "4096\t131072\t6291456\n",
        "/proc/sys/net/ipv4/tcp_wmem": "4096\t16384\t4194304\n",
        "/proc/sys/net/core/rmem_max": "212992\n",
        "/proc/sys/net/core/somaxconn": "128\n",
        "/sys/class/net/ens1f0/speed": "25000\n",
        "/sys/class/net/eno1/speed": "-1\n",
    }
    known = [CARD, Interface("eno1", "172.16.0.9", "172.16.0.0/20", 1500)]
    found = machine_of(texts.get, known, "node")
    assert found.speeds == {"ens1f0": 25e9}
    assert found.doubled == {"10.1.0.0/16": ("ens1f0", "ens1f1")}
    assert (found.receive_most, found.send_most) == (6291456, 4194304)
    assert (found.receive_asked, found.send_asked) == (212992, None)
    assert (found.backlog_most, found.overflows) == (128, 12)
    assert machine_of(lambda path: None, [], "bare") == Machine(name="bare")


@pytest.mark.parametrize(
    ("trouble", "check", "said", "to_do"),
    [
        (Trouble.REFUSED, "place-refused", "nobody listens at tcp://10.1.0.7:10600", "'ss -ltn'"),
        (Trouble.SILENT, "place-silent", "nothing comes back", "firewall-cmd --add-port=10600/tcp"),
        (Trouble.UNKNOWN, "place-unknown", "is not known on control", "/etc/hosts"),
        (Trouble.NO_WAY, "place-no-way", "there is no way from control", "ip route get 10.1.0.7"),
        (Trouble.MEANINGLESS, "place-meaningless", "is no address", "--advertise"),
    ],
)
def test_a_place_that_is_not_reached_is_told_with_what_mends_it(
    trouble: Trouble, check: str, said: str, to_do: str
) -> None:
    finding = only(machine(), way(trouble=trouble))
    assert (finding.check, finding.about) == (check, "dcu")
    assert said in finding.what
    assert "eiger-ingester on dcu" in finding.what
    assert to_do in finding.do


def test_many_processes_of_one_machine_are_one_finding() -> None:
    ways = [
        way(place(f"tcp://10.1.0.7:{port}", f"worker-{port}"), trouble=Trouble.SILENT)
        for port in range(1, 41)
    ]
    finding = only(machine(), *ways)
    assert "and 35 others on dcu" in finding.what
    assert "'firewall-cmd --add-port=1-40/tcp' or 'ufw allow 1:40/tcp'" in finding.do


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:4000", "tcp://0.0.0.0:4000", "http://localhost:5001"])
def test_a_process_on_another_machine_that_says_it_is_on_loopback_is_told(url: str) -> None:
    for trouble in (None, Trouble.REFUSED, Trouble.MEANINGLESS):
        finding = only(machine(), way(place(url), there="127.0.0.1", trouble=trouble))
        assert finding.check == "loopback-advertised"
        assert "--bind eth0" in finding.do


def test_loopback_is_right_where_all_are_on_one_machine() -> None:
    assert examine_network(machine(name="dcu"), [way(place("tcp://127.0.0.1:4000"), there="127.0.0.1")]) == []


def test_a_name_of_another_machine_that_means_this_one_is_told() -> None:
    finding = only(machine(), way(place("tcp://dcu:10600"), there="127.0.1.1"))
    assert finding.check == "name-leads-home"
    assert "/etc/hosts of control" in finding.do


def test_packets_that_one_end_or_the_way_does_not_take_are_told() -> None:
    swallowed = only(machine(), way(passes=False))
    assert (swallowed.check, swallowed.gravity) == ("packets-swallowed", Gravity.TROUBLE)
    assert "packets of 9000 bytes" in swallowed.what
    smaller = only(machine(), way(takes=1500))
    assert smaller.check == "packets-smaller-there"
    assert "takes packets of 1500 bytes, and ens1f0 of control sends up to 9000" in smaller.what
    assert "mtu 9000' on dcu" in smaller.do


def test_a_fast_interface_with_small_packets_is_only_noted() -> None:
    slow = machine(interfaces=(Interface("ens1f0", "10.1.0.4", "10.1.0.0/16", 1500),))
    finding = only(slow, way(sends=1500, takes=1500))
    assert (finding.check, finding.gravity) == ("packets-small", Gravity.NOTE)


def test_memory_of_connections_is_compared_with_what_fits_into_the_way() -> None:
    # 100 Gbit/s for 1 ms are 12.5 MB, for which a connection needs twice as much.
    small = machine(receive_most=6291456)
    finding = only(small, way(seconds=1e-3))
    assert finding.check == "tcp-buffers-small"
    assert "12.5 MB are under way at once" in finding.what
    assert finding.do.startswith("""'sysctl -w net.ipv4.tcp_rmem="4096 131072 25000000"', """)
    assert examine_network(small, [way(seconds=1e-4)]) == []
    assert examine_network(small, [way(seconds=1e-3)], bandwidth=10e9) == []
    asked = only(machine(receive_asked=212992, send_asked=212992), way(seconds=1e-3))
    assert asked.check == "socket-buffers-small"
    assert "net.core.rmem_max=25000000 net.core.wmem_max=25000000" in asked.do


def test_networks_with_two_interfaces_and_short_queues_are_told() -> None:
    doubled = only(machine(doubled={"10.1.0.0/16": ("ens1f0", "ens1f1")}), way())
    assert doubled.check == "interfaces-share-network"
    assert "ens1f0 and ens1f1 of control" in doubled.what
    short = only(machine(backlog_most=128), *(way(place(process=f"worker-{n}")) for n in range(300)))
    assert (short.check, "somaxconn=512" in short.do) == ("backlog-short", True)
    assert only(machine(overflows=12), way()).gravity is Gravity.NOTE


def test_every_address_in_the_answer_of_a_controller_is_a_place() -> None:
    told = {
        "controller": {"name": "controller", "host": "a", "url": "tcp://10.1.0.1:10500"},
        "ingesters": [{"name": "eiger-ingester", "host": "b", "url": "tcp://10.1.0.2:1", "http": None}],
        "workers": [{"name": "worker-1", "host": "c", "url": "tcp://10.1.0.3:1", "http": None}],
        "reducer": {
            "name": "reducer",
            "host": "d",
            "url": "tcp://10.1.0.4:1",
            "http": "http://10.1.0.4:5001",
        },
    }
    found = places_of(told)
    assert [one.host for one in found] == ["a", "d", "d", "b", "c"]
    assert (found[2].name, found[2].port) == ("10.1.0.4", 5001)
    assert places_of({"ingesters": [], "workers": [], "reducer": None}) == []


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


def test_ways_on_this_machine_are_tried_and_told_apart(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        silent = held.getsockname()[1]
        places = [
            place(f"tcp://127.0.0.1:{port}"),
            place(f"tcp://127.0.0.1:{silent}"),
            place("tcp://no-such-machine.invalid:1"),
            place("tcp://0.0.0.0:1"),
            place("tcp://127.0.0.1"),
        ]
        found = ways_to(places)
    assert [one.trouble for one in found] == [
        None,
        Trouble.REFUSED,
        Trouble.UNKNOWN,
        Trouble.MEANINGLESS,
        Trouble.MEANINGLESS,
    ]
    assert (found[0].here, found[0].leads_out) == ("127.0.0.1", False)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("way")]
