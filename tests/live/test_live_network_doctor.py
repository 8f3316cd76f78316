"""Machines in several networks, and what the doctor says of the network between them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from beamloom import connect
from live.pipelines import wait_until
from live.sites import HTTP_PORT, MAILBOX_PORT, Site
from support.hosts import Host, Hosts, why_not
from support.wire import Fault

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(180)]

CONTROL, WORK, AWAY = HOSTS = ("control", "work", "away")


def examined(host: Host, url: str) -> dict[str, dict[str, Any]]:
    """What the doctor finds from a host, by check; what the machine as a whole was through is of no interest."""
    words = [*host.prefix, sys.executable, "-m", "beamloom", "doctor", "--network", "--json", url]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert not done.stderr, done.stderr
    found = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    found.pop("backlog-overflowed", None)
    assert done.returncode == (1 if found else 0)
    return found


def test_the_doctor_finds_what_is_wrong_between_machines_and_nothing_once_that_is_mended(
    tmp_path: Path,
) -> None:
    if (problem := why_not()) is not None:
        pytest.skip(problem)
    with Hosts(*HOSTS) as hosts, hosts[CONTROL].there():
        url = f"http://{hosts[CONTROL].address}:{HTTP_PORT}"
        hosts[WORK].join("10.88.0.2/24")
        common = {
            "BEAMLOOM_CONTROLLER": f"tcp://{hosts[CONTROL].address}:{MAILBOX_PORT}",
            "BEAMLOOM_MAILBOX_OPEN": "true",
            "BEAMLOOM_HTTP_OPEN": "true",
            "BEAMLOOM_PORTS": "10600-10609",
        }
        with Site(hosts, tmp_path, common) as site:
            site.start(
                CONTROL,
                "controller",
                "one",
                BEAMLOOM_BIND="10.77.0.0/24",
                BEAMLOOM_MAILBOX_PORT=str(MAILBOX_PORT),
            )
            site.wait_for("one", "HTTP API at")
            site.start(WORK, "worker", "everywhere", BEAMLOOM_BIND="0.0.0.0")
            site.start(
                WORK, "worker", "by-device", BEAMLOOM_BIND="0.0.0.0", BEAMLOOM_ADVERTISE="10.77.0.0/24"
            )
            site.start(AWAY, "worker", "loopback", BEAMLOOM_BIND="127.0.0.1")
            site.start(AWAY, "worker", "nowhere", BEAMLOOM_ADVERTISE="10.77.0.99")
            with connect(url) as pipeline:
                wait_until(lambda: len(pipeline.processes()["workers"]) == 4, "all workers", site.told)
                told = {worker["name"]: worker["url"] for worker in pipeline.processes()["workers"]}
            # Whoever listens on all interfaces, or names a network, tells the address that the others reach.
            for name in ("everywhere", "by-device"):
                host, _, port = told[name].rpartition(":")
                assert (host, int(port) in range(10600, 10610)) == (f"tcp://{hosts[WORK].address}", True)

            found = examined(hosts[CONTROL], url)
            assert set(found) == {"loopback-advertised", "place-silent"}
            assert (
                "loopback on away says to be reached at tcp://127.0.0.1:"
                in found["loopback-advertised"]["what"]
            )
            assert "nothing comes back from tcp://10.77.0.99:" in found["place-silent"]["what"]
            site.kill("loopback")
            site.kill("nowhere")
            site.start(AWAY, "worker", "right")
            with connect(url) as pipeline:
                present = {"everywhere", "by-device", "right"}
                wait_until(
                    lambda: {worker["name"] for worker in pipeline.processes()["workers"]} == present,
                    "all",
                    site.told,
                )
            assert examined(hosts[CONTROL], url) == {}

            hosts[AWAY].let_packets_be(1500)
            found = examined(hosts[CONTROL], url)
            assert set(found) == {"packets-smaller-there"}
            assert "away (10.77.0.3) takes packets of 1500 bytes" in found["packets-smaller-there"]["what"]
            hosts[AWAY].let_packets_be(9000)

            hosts.harm(AWAY, Fault(largest=1500))
            found = examined(hosts[CONTROL], url)
            assert set(found) == {"packets-swallowed"}
            assert "packets of 9000 bytes" in found["packets-swallowed"]["what"]
            hosts.mend()
            assert examined(hosts[WORK], url) == {}
