"""The device of ``docs/how-to/add-a-device.md`` is a package that works as the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from devices.page_package import environment, run, write_package

OUTPUT = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROMPT = re.compile(r"^\$ ([^\n]*)\n(.*?)(?=^\$ |\Z)", re.MULTILINE | re.DOTALL)
PAGE_URL = "tcp://127.0.0.1:7000"


@pytest.fixture
def package(repository: Path, tmp_path: Path) -> Path:
    """The files of the page, installed in a folder of their own as pip would leave them."""
    write_package(repository / "docs/how-to/add-a-device.md", tmp_path)
    return tmp_path


def shown(repository: Path, command: str) -> list[str]:
    """What the page shows that a command prints."""
    page = (repository / "docs/how-to/add-a-device.md").read_text()
    for block in OUTPUT.findall(page):
        for prompt, printed in PROMPT.findall(block):
            if prompt.startswith(command):
                return steady(printed)
    pytest.fail(f"the page shows no output of {command!r}")


def steady(printed: str) -> list[str]:
    """The lines without what is another each time: how long it took and how fast that was."""
    printed = re.sub(r"rate( +).*? \((\d+ packets) in [^,]*", r"rate\1(\2", printed)
    return re.sub(r"in \d+\.\d+s", "in a while", printed).rstrip().splitlines()


@pytest.mark.timeout(180)
def test_the_device_of_the_page_passes_the_tests_of_the_page(package: Path, repository: Path) -> None:
    done = run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_lab_balance.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert steady(done.stdout) == shown(repository, "pytest")


def test_a_probe_finds_the_simulator_as_the_page_shows(package: Path, repository: Path) -> None:
    simulate = ["-m", "beamloom", "simulate", "balance", "--readings", "60", "--rate", "100", "--stay", "1"]
    with subprocess.Popen(
        [sys.executable, *simulate],
        cwd=package,
        env=environment(package),
        stderr=subprocess.PIPE,
        text=True,
    ) as simulator:
        assert simulator.stderr is not None
        said = simulator.stderr.readline().rstrip()
        url = said.rpartition(" ")[2]
        done = run(package, "-m", "beamloom", "probe", url)
    assert [said.replace(url, PAGE_URL)] == shown(repository, "beamloom simulate")
    assert steady(done.stdout.replace(url, PAGE_URL)) == shown(repository, "beamloom probe"), done.stderr


def test_the_pipeline_of_the_page_is_right_and_the_simulator_is_there(package: Path) -> None:
    (package / "analysis.py").write_text("class Worker: ...\nclass Reducer: ...\n")
    read = "from beamloom.pipeline_file import read_pipeline; print(read_pipeline('pipeline.yaml').streams['balance'].device)"
    done = run(package, "-c", read)
    assert (done.returncode, done.stdout) == (0, "balance\n"), done.stderr
    done = run(package, "-m", "beamloom", "simulate", "balance", "--help")
    assert "--readings" in done.stdout, done.stderr
