"""What holds for every test: it logs no error, it leaves nothing behind, it finds the captured data in one place."""

from __future__ import annotations

import compileall
import logging
import os
import signal
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import beamloom
from support.left_behind import MARK, Surroundings
from support.logs import ErrorRecords

REPOSITORY = Path(__file__).resolve().parent.parent

# In CI the same examples each time: a red build is then red because of its commit.
hypothesis.settings.register_profile("beamloom", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("beamloom")


def pytest_configure(config: pytest.Config) -> None:
    """What is tested is this checkout, also where another is installed.

    Processes of tests hear Ctrl-C also where a shell runs the tests in its background, which has it ignored by all that they start.
    Where Python may not keep compiled modules, ours are compiled here, as pip compiles what it installs: each of the thousands of processes
    that the tests start would compile them anew, a quarter of what the tests of whole pipelines take.
    """
    tested = Path(beamloom.__file__).resolve().parent
    if (REPOSITORY / "src").is_dir() and tested != REPOSITORY / "src" / "beamloom":
        raise pytest.UsageError(
            f"these tests would test {tested}; run `make install` here, or set PYTHONPATH to {REPOSITORY / 'src'}"
        )
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.dont_write_bytecode and not hasattr(config, "workerinput"):
        compileall.compile_dir(tested, quiet=2)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several workers share the files, those that start processes come first, so that none of them is left at the end alone.

    Among each kind those with the most tests come first. The tests of a file stay together, in their order. The files of a
    package, which share what is dear, stay together, too.
    """
    if not hasattr(config, "workerinput"):
        return
    together = {
        path: path.parent if (path.parent / "__init__.py").exists() else path
        for path in {item.path for item in items}
    }
    files, groups = Counter(item.path for item in items), Counter(together[item.path] for item in items)
    slow = {item.path for item in items if item.get_closest_marker("processes") is not None}

    def place(item: pytest.Item) -> tuple[object, ...]:
        group = together[item.path]
        return item.path not in slow, -groups[group], str(group), -files[item.path], str(item.path)

    items.sort(key=place)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Captured data of real devices, beside the checkout; it is never part of the repository."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the captures in ../shared/data")
    return folder


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What processes keep beyond their lives does not go to the user's own folder."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a thread, a process or shared memory behind."""
    mark = uuid.uuid4().hex
    before = Surroundings.now(mark)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, mark)
        yield
    if left := before.left():
        before.sweep()
        pytest.fail("the test left behind: " + "; ".join(left), pytrace=False)


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """h5pyd silences the log of the whole process when a test opens a file by it; a command writes it to the stream of its test."""
    log = logging.getLogger()
    level, handlers = log.level, list(log.handlers)
    yield
    log.setLevel(level)
    log.handlers[:] = handlers


@pytest.fixture(autouse=True)
def scheduled_as_before() -> Iterator[None]:
    """A command that serves sets how its process is scheduled; called in a test, that is this one and all that it starts from then on."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0)
    yield
    if os.sched_getscheduler(0) != before:
        os.sched_setscheduler(0, before, os.sched_getparam(0))


@pytest.fixture(autouse=True)
def no_errors_logged(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in which beamloom logs an error, unless it is marked with ``expects_errors``."""
    records = ErrorRecords()
    logger = logging.getLogger("beamloom")
    logger.addHandler(records)
    yield
    logger.removeHandler(records)
    if records.lines and request.node.get_closest_marker("expects_errors") is None:
        pytest.fail(
            "errors were logged (mark the test with expects_errors if they belong to it):\n"
            + "\n".join(records.lines),
            pytrace=False,
        )
