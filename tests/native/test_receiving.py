"""The compiled way of receiving messages gives what the Python way gives, loses nothing and keeps nothing."""

from __future__ import annotations

import errno
import gc
import importlib
import importlib.util
import os
import subprocess
import sys
import tracemalloc
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis.strategies as st
import pytest
import zmq
from hypothesis import given

from beamloom.native.receiving import LARGE_FRAME, Compiled, Receiver

ROOT = Path(__file__).resolve().parents[2]
SMALL = st.binary(max_size=40)
NEAR_LARGE = st.sampled_from([LARGE_FRAME - 1, LARGE_FRAME, LARGE_FRAME + 1, 300_000]).map(
    lambda size: bytes(range(256)) * (size // 256) + bytes(size % 256)
)
MESSAGES = st.lists(st.lists(st.one_of(*([SMALL] * 12), NEAR_LARGE), min_size=1, max_size=4), max_size=12)


def load(path: Path) -> ModuleType:
    name = path.name.partition(".")[0]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def hatch_build() -> ModuleType:
    if not (ROOT / "hatch_build.py").exists():
        pytest.skip("needs a checkout")
    return load(ROOT / "hatch_build.py")


@pytest.fixture(scope="session")
def core(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Built here; outside a checkout that of the installation."""
    if not (ROOT / "hatch_build.py").exists():
        return importlib.import_module("beamloom.native._core")
    hatch_build = request.getfixturevalue("hatch_build")
    built = hatch_build.build(ROOT, tmp_path_factory.mktemp("native"))
    if isinstance(built, str):
        pytest.skip(f"there is no compiler here: {built}")
    return load(built)


@pytest.fixture(scope="session")
def bound(core: Any) -> Compiled:
    from zmq.backend.cython import _zmq

    assert core.bind(_zmq.__file__) == zmq.zmq_version_info()
    receive: Compiled = core.receive
    return receive


@pytest.fixture(scope="session")
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    with zmq.Context() as context:
        yield context


class Pair:
    """A socket that sends to another, both in this process."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], kind: int, other: int) -> None:
        self.receiving, self.sending = context.socket(kind), context.socket(other)
        for socket in (self.receiving, self.sending):
            socket.set(zmq.LINGER, 0)
            socket.set(zmq.SNDHWM, 0)
            socket.set(zmq.RCVHWM, 0)
        address = f"inproc://pair-{uuid.uuid4()}"
        self.receiving.bind(address)
        self.sending.connect(address)

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *exception: object) -> None:
        self.receiving.close()
        self.sending.close()


def as_bytes(received: tuple[list[Any], list[int]]) -> tuple[list[bytes], list[int]]:
    return list(map(bytes, received[0])), received[1]


@given(MESSAGES, st.lists(st.integers(1, 5), max_size=8), st.booleans())
def test_both_ways_give_the_same_columns_for_any_messages(
    context: Any, bound: Compiled, messages: list[list[bytes]], mosts: list[int], router: bool
) -> None:
    kinds = (zmq.ROUTER, zmq.DEALER) if router else (zmq.PULL, zmq.PUSH)
    with Pair(context, *kinds) as one:
        told = []
        for way in (None, bound):
            receiver = Receiver(one.receiving, way)
            for message in messages:
                one.sending.send_multipart(message)
            told.append([as_bytes(receiver.receive(most)) for most in [*mosts, len(messages) + 1, 1]])
        assert told[0] == told[1]
        frames = [frame for some, _ in told[1] for frame in some]
        counts = [count for _, some in told[1] for count in some]
        assert counts == [len(message) + router for message in messages]
        if not router:
            assert frames == [frame for message in messages for frame in message]


@given(
    st.lists(st.sampled_from([0, 10, LARGE_FRAME - 1, LARGE_FRAME, LARGE_FRAME + 5]), min_size=1, max_size=6)
)
def test_small_frames_are_bytes_and_large_ones_are_not_copied(
    context: Any, bound: Compiled, sizes: list[int]
) -> None:
    with Pair(context, zmq.PULL, zmq.PUSH) as one:
        one.sending.send_multipart([bytes(size) for size in sizes])
        frames, counts = bound(one.receiving.underlying, 10, LARGE_FRAME)
    assert counts == [len(sizes)]
    for frame, size in zip(frames, sizes, strict=True):
        assert isinstance(frame, bytes) is (size < LARGE_FRAME)
        assert memoryview(frame).readonly
        assert memoryview(frame).nbytes == size


def test_large_frames_are_received_by_pyzmq_also_when_nothing_was_there_in_between(
    context: Any, bound: Compiled
) -> None:
    with Pair(context, zmq.PULL, zmq.PUSH) as one:
        receiver = Receiver(one.receiving, bound)
        received = []
        for _ in range(3):
            one.sending.send(bytes(LARGE_FRAME))
            received += receiver.receive(5)[0]
            assert receiver.receive(5) == ([], [])
        one.sending.send(b"small")
        assert receiver.receive(5) == ([b"small"], [1])
        one.sending.send(bytes(LARGE_FRAME))
        received += receiver.receive(5)[0]
    assert [isinstance(frame, zmq.Frame) for frame in received] == [False, True, True, False]


def test_a_large_frame_outlives_its_socket_and_its_context(bound: Compiled) -> None:
    content = os.urandom(3 * LARGE_FRAME)
    with zmq.Context() as context, Pair(context, zmq.PULL, zmq.PUSH) as one:
        one.sending.send(content)
        ((frame,), _) = bound(one.receiving.underlying, 1, LARGE_FRAME)
        part = frame[5:-5]
        del frame
    gc.collect()
    assert bytes(part) == content[5:-5]


def test_a_socket_that_is_closed_says_so_as_pyzmq_does(context: Any, bound: Compiled) -> None:
    for way in (None, bound):
        with Pair(context, zmq.PULL, zmq.PUSH) as one:
            receiver = Receiver(one.receiving, way)
            assert receiver.receive(5) == ([], [])
            one.receiving.close()
            with pytest.raises(zmq.ZMQError) as raised:
                receiver.receive(5)
            assert raised.value.errno == zmq.ENOTSOCK
        with Pair(context, zmq.PULL, zmq.PUSH) as one:
            with pytest.raises(zmq.ZMQError) as raised:
                Receiver(one.sending, way).receive(5)
            assert raised.value.errno == errno.ENOTSUP


@pytest.mark.parametrize(
    "arguments",
    [(), (1, 2), (1, 2, 3, 4), ("a", 1, 1), (1.5, 1, 1), (0, "a", 1), (0, 1, -1), (1 << 70, 1, 1)],
)
def test_what_is_no_call_is_refused(bound: Any, arguments: tuple[Any, ...]) -> None:
    with pytest.raises((TypeError, OverflowError)):
        bound(*arguments)
    with pytest.raises(OSError) as raised:  # noqa: PT011
        bound(0, 1, 1)
    assert raised.value.errno == zmq.ENOTSOCK
    assert bound(0, -5, 1) == ([], [])


def test_it_does_not_bind_to_what_is_no_libzmq(hatch_build: ModuleType, tmp_path: Path, core: Any) -> None:
    other = load(hatch_build.build(ROOT, tmp_path))
    with pytest.raises(RuntimeError, match="has not found libzmq"):
        other.receive(0, 1, 1)
    with pytest.raises(ImportError, match="is not loaded"):
        other.bind("/nowhere/lib.so")
    with pytest.raises(ImportError, match="has no zmq_version"):
        other.bind(core.__file__)
    with pytest.raises(RuntimeError, match="has not found libzmq"):
        other.receive(0, 1, 1)


def test_nothing_is_kept_of_what_was_received(context: Any, bound: Compiled) -> None:
    with Pair(context, zmq.PULL, zmq.PUSH) as one:

        def rounds(count: int) -> None:
            for _ in range(count):
                for _ in range(50):
                    one.sending.send_multipart([b"head" * 10, bytes(3000)])
                one.sending.send(bytes(4 << 20))
                frames, counts = bound(one.receiving.underlying, 100, LARGE_FRAME)
                assert (len(frames), sum(counts)) == (101, 101)

        rounds(5)
        gc.collect()
        tracemalloc.start()
        try:
            before, resident = tracemalloc.get_traced_memory()[0], resident_bytes()
            rounds(60)
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] - before < 100_000
            assert resident_bytes() - resident < 100 << 20, "240 MiB were received and let go of"
        finally:
            tracemalloc.stop()


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(("compiler", "says"), [("false", "failed"), ("/nowhere/cc -O3", "cannot be run")])
def test_without_a_compiler_nothing_is_built_and_a_sentence_says_why(
    hatch_build: ModuleType, tmp_path: Path, compiler: str, says: str
) -> None:
    built = hatch_build.build(ROOT, tmp_path, compiler)
    assert isinstance(built, str)
    assert says in built
    assert list(tmp_path.iterdir()) == []


def test_it_is_switched_off_by_the_environment() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import beamloom.native as n; assert n.COMPILED is None; print(n.WITHOUT)"],
        env={**os.environ, "BEAMLOOM_NATIVE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "BEAMLOOM_NATIVE=0" in done.stdout
