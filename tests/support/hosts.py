"""Hosts on one machine: each has network devices, addresses, ports and a loopback of its own, and all are connected by one wire.

A host is a Linux network namespace without a name, kept alive by a file descriptor of this process: however the test ends, also when it is
killed, the hosts, their devices and their addresses are gone with it. Processes get there with ``nsenter``, threads with ``there``.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import secrets
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from types import TracebackType

from support.patience import PATIENCE
from support.wire import SOUND, Fault, Wire

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
MTU = 9000
_libc = ctypes.CDLL(None, use_errno=True)


class Host:
    """One of them."""

    def __init__(self, name: str, address: str) -> None:
        """Raises OSError where this is not permitted."""
        self.name = name
        self.address = address
        self._namespace = _new_namespace()
        self._device = f"wire{secrets.token_hex(4)}"

    @property
    def prefix(self) -> tuple[str, ...]:
        """The words before a command that let it run there, where the machine has this host's name."""
        there = ("nsenter", f"--net=/proc/{os.getpid()}/fd/{self._namespace}", "--")
        named = 'echo "$0" > /proc/sys/kernel/hostname && exec "$@"'
        return (*there, "unshare", "--uts", "--", "sh", "-c", named, self.name)

    @contextlib.contextmanager
    def there(self) -> Iterator[None]:
        """What this thread opens, and the threads and processes that it starts, are there."""
        before = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(self._namespace)
            try:
                yield
            finally:
                _enter(before)
        finally:
            os.close(before)

    def plug_in(self) -> int:
        """Give it a network device; returns the file descriptor of its other end."""
        with self.there():
            # It is made where the file is opened.
            end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.ioctl(
                    end, TUNSETIFF, struct.pack("16sH22x", self._device.encode(), IFF_TUN | IFF_NO_PI)
                )
                _run("ip", "link", "set", "lo", "up")
                _run("ip", "address", "add", f"{self.address}/24", "dev", self._device)
                _run("ip", "link", "set", self._device, "mtu", str(MTU), "up")
            except OSError:
                os.close(end)
                raise
        return end

    def link(self, *, up: bool) -> None:
        """Pull the plug of its network device, or put it back: nothing goes out and nothing comes in, and who tries there is told so."""
        with self.there():
            _run("ip", "link", "set", self._device, "up" if up else "down")

    def let_packets_be(self, size: int) -> None:
        """So many bytes of the largest packet that it sends and takes."""
        with self.there():
            _run("ip", "link", "set", self._device, "mtu", str(size))

    def join(self, network: str) -> None:
        """Give it a second address, such as ``10.88.0.1/24``, of which the wire knows nothing."""
        with self.there():
            _run("ip", "address", "add", network, "dev", self._device)

    @property
    def device(self) -> str:
        """The name of its network device."""
        return self._device

    def close(self) -> None:
        """Let it go; it is gone with its last process."""
        os.close(self._namespace)


class Hosts:
    """Some hosts and the wire between them; a context manager, in which they are there."""

    def __init__(self, *names: str, seed: int = 0) -> None:
        """Raises OSError, saying why, where the system does not permit it."""
        with contextlib.ExitStack() as stack:
            self._hosts: dict[str, Host] = {}
            ends: dict[str, int] = {}
            for number, name in enumerate(names, 1):
                host = Host(name, f"10.77.0.{number}")
                stack.callback(host.close)
                self._hosts[name] = host
                ends[host.address] = host.plug_in()
            self._wire = Wire(ends, seed)
            stack.callback(self._wire.close)
            self._stack = stack.pop_all()

    def __enter__(self) -> Hosts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __getitem__(self, name: str) -> Host:
        return self._hosts[name]

    def __iter__(self) -> Iterator[Host]:
        return iter(self._hosts.values())

    def harm(self, host: str, fault: Fault, *, sends: bool = True, receives: bool = True) -> None:
        """What happens from now on to what a host sends to the others, and receives of them."""
        own = self._hosts[host].address
        for other in self._hosts.values():
            if other.address != own:
                if sends:
                    self._wire.harm(own, other.address, fault)
                if receives:
                    self._wire.harm(other.address, own, fault)

    def harm_between(self, sender: str, receiver: str, fault: Fault) -> None:
        """What happens from now on to what one host sends to another."""
        self._wire.harm(self._hosts[sender].address, self._hosts[receiver].address, fault)

    def mend(self) -> None:
        """From now on everything arrives."""
        for host in self._hosts:
            self.harm(host, SOUND)

    def dropped(self, host: str) -> int:
        """Packets from and to a host that did not arrive."""
        own = self._hosts[host].address
        others = [other.address for other in self._hosts.values() if other.address != own]
        return sum(self._wire.dropped(own, one) + self._wire.dropped(one, own) for one in others)


def why_not() -> str | None:
    """Why there can be no hosts here, as a sentence; None where there can."""
    for command in ("ip", "nsenter", "unshare"):
        if shutil.which(command) is None:
            return f"needs the command {command!r} (packages iproute2 and util-linux)"
    try:
        with Hosts("a", "b"):
            return None
    except OSError as error:
        return f"needs network namespaces and TUN devices, which are not permitted here ({error}); run as root to have them"


def _new_namespace() -> int:
    """A file descriptor of a new namespace, which only that keeps alive."""
    opened: list[int] = []
    problems: list[OSError] = []

    def make() -> None:
        # A thread of its own: the namespace is that of the thread, and ours stays as it is.
        try:
            if _libc.unshare(CLONE_NEWNET):
                number = ctypes.get_errno()
                raise OSError(number, f"unshare: {os.strerror(number)}")
            own = f"/proc/self/task/{threading.get_native_id()}/ns/net"
            opened.append(os.open(own, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            problems.append(error)

    thread = threading.Thread(target=make, name="namespace")
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return opened[0]


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def _run(*command: Sequence[str] | str) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
