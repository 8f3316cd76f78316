"""The thermometer of ``docs/how-to/measure-on-demand.md`` measures in a pipeline of processes as the page says."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from devices.page_package import environment, run, write_package
from live.pipelines import wait_until
from support.patience import PATIENCE
from support.ports import quiet_address

pytestmark = pytest.mark.processes

SHOWN = re.compile(r"^\$ python arm\.py (\S+)\n(.*)$", re.MULTILINE)


@pytest.fixture
def page(repository: Path) -> Path:
    """The page."""
    return repository / "docs/how-to/measure-on-demand.md"


@pytest.fixture
def package(page: Path, tmp_path: Path) -> Path:
    """The files of the page, and a thermometer."""
    write_package(page, tmp_path)
    (tmp_path / "temp1_input").write_text("21500\n")
    return tmp_path


def test_the_pipeline_of_the_page_measures_where_the_map_asks_for_it(page: Path, package: Path) -> None:
    shown = SHOWN.search(page.read_text())
    assert shown is not None
    controller, file = quiet_address(), package / "pipeline.yaml"
    text = file.read_text()
    for address, free in (("127.0.0.1:5000", controller), ("127.0.0.1:5001", quiet_address())):
        assert address in text
        text = text.replace(address, free)
    file.write_text(text)
    with subprocess.Popen(
        [sys.executable, "-m", "beamloom", "up", file.name],
        cwd=package,
        env=environment(package),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as up:
        try:
            wait_until(lambda: is_ready(controller), "the pipeline")
            done = run(package, "arm.py", f"http://{controller}")
        finally:
            up.send_signal(signal.SIGINT)
            output, _ = up.communicate(timeout=PATIENCE)
    assert done.stdout.strip() == shown[2], done.stderr + output
    assert "ERROR" not in output


def is_ready(controller: str) -> bool:
    """Whether a run can be armed."""
    try:
        return requests.get(f"http://{controller}/api/v1/health", timeout=PATIENCE).status_code == 200
    except requests.RequestException:
        return False
