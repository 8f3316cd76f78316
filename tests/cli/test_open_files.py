"""A service may open as many files as its system lets it, however few it was started with."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from live.pipelines import wait_until
from support.ports import quiet_address

MEMBERS = """
import resource
from beamloom.cli.open_files import allow_many_files
from beamloom.transport.messages import Tick
from beamloom.transport.zeromq import ZmqChannel

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
assert allow_many_files() == min(hard, 65536)
channel, member = ZmqChannel("controller"), ZmqChannel("member")
received = 0
try:
    for number in range(500):
        channel.connect(str(number), member.address)
        channel.send(str(number), Tick("run"))
    while received < 500:
        received += len(member.receive(1.0))
finally:
    channel.close()
    member.close()
print(received, "members were reached")
"""


def _needs(files: int) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < files:
        pytest.skip(f"needs a system that allows {files} open files")


def test_five_hundred_members_are_reached_by_a_process_that_began_with_a_limit_of_1024() -> None:
    _needs(4096)
    done = subprocess.run(
        [sys.executable, "-c", MEMBERS], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout.strip() == "500 members were reached", done.stderr


def test_a_limit_that_cannot_be_raised_is_left() -> None:
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300));"
    says = "from beamloom.cli.open_files import allow_many_files; print(allow_many_files())"
    done = subprocess.run(
        [sys.executable, "-c", few + says], capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout.strip() == "300"


@pytest.mark.processes
def test_a_service_raises_its_limit_as_it_starts() -> None:
    _needs(4096)
    address = quiet_address().rpartition(":")[2]
    words = f"ulimit -Sn 512; exec {sys.executable} -m beamloom worker --workerclass=a:B --controller=tcp://127.0.0.1:{address}"
    with subprocess.Popen(
        ["sh", "-c", words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as service:
        try:
            wait_until(lambda: resource.prlimit(service.pid, resource.RLIMIT_NOFILE)[0] >= 4096, "the limit")
        finally:
            service.kill()
