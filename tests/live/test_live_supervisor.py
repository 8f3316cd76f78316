"""``beamloom up`` with a whole pipeline: everything runs until Ctrl-C, then nothing is left."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest
import requests

from live.pipelines import ANALYSES, Bench, wait_until
from live.series import pictures, uniform_map
from support.patience import PATIENCE
from support.ports import quiet_address

pytestmark = pytest.mark.processes


def read_until(output: IO[str], wanted: str) -> list[str]:
    """The lines of ``output`` up to one that has ``wanted``."""
    lines: list[str] = []
    for line in output:
        lines.append(line)
        if wanted in line:
            return lines
    pytest.fail(f"no {wanted!r} in:\n{''.join(lines)}")


def listens(address: str) -> bool:
    """Whether somebody accepts connections at the address."""
    parts = urlsplit(address)
    with socket.socket() as probe:
        return probe.connect_ex((str(parts.hostname), int(parts.port or 0))) == 0


@pytest.mark.parametrize("while_a_run_goes_on", [pytest.param(False, marks=pytest.mark.long), True])
def test_ctrl_c_ends_a_whole_pipeline_and_leaves_nothing(tmp_path: Path, while_a_run_goes_on: bool) -> None:
    with Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as camera:
        file = tmp_path / "pipeline.yaml"
        pipeline = {
            "streams": {"camera": {"device": "stins", "url": camera.url("camera")}},
            "workers": {"class": "pictures:Worker", "count": 2},
            "reducer": {"class": "pictures:Reducer", "http": quiet_address()},
            "controller": {"http": quiet_address(), "mailbox": quiet_address()},
            "analysis": str(ANALYSES),
        }
        file.write_text(json.dumps(pipeline))
        command = [sys.executable, "-m", "beamloom", "up", "--plain", str(file)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        ) as up:
            assert up.stdout
            lines = read_until(up.stdout, "results  ")
            addresses = re.findall(r"(?:controller and dashboard|results) +(http://\S+)", "".join(lines))
            pids = [int(pid) for pid in re.findall(r"runs as process (\d+)", "".join(lines))]
            assert len(addresses) == 2
            assert len(pids) == 5
            api = f"{addresses[0]}/api/v1"
            armed = requests.post(f"{api}/sequence", json=uniform_map(["camera"], 100), timeout=PATIENCE)
            assert armed.status_code == 200
            camera.play("camera", pictures(100)[: 50 if while_a_run_goes_on else None])
            wait_until(
                lambda: (
                    requests.get(f"{api}/progress", timeout=PATIENCE).json()["reduced"]
                    == (50 if while_a_run_goes_on else 102)
                ),
                "the events",
            )
            up.send_signal(signal.SIGINT)
            rest = up.stdout.read()
            assert up.wait(PATIENCE) == 0, rest
        assert "Traceback" not in rest
        assert "is killed" not in rest
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
        assert not any(map(listens, addresses))
    assert os.listdir(tmp_path) == ["pipeline.yaml"]
