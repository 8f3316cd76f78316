"""A pipeline with keys: it works as without, whoever lacks the key is told so and ends, and strangers change nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import zmq

from beamloom.transport.keys import new_keys, write_keys
from beamloom.transport.messages import Register, encode
from live.pipelines import ANALYSES, Bench, check_each_once, of_camera, running, wait_until
from live.series import pictures, uniform_map
from support.ports import quiet_address

pytestmark = pytest.mark.processes


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The key file of a pipeline."""
    path = tmp_path / "pipeline.keys"
    write_keys(path, new_keys())
    return path


def started(*words: str) -> subprocess.CompletedProcess[str]:
    """A process of a pipeline that ends by itself, because it cannot take part."""
    command = [sys.executable, "-m", "beamloom", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)


def test_a_run_with_keys_gives_what_it_gives_without_also_when_a_worker_dies(
    camera: Bench, keys: Path
) -> None:
    events = 1500
    with running(of_camera(camera), settings={"keys": str(keys)}, parameters={"takes": 0.0005}) as live:
        live.arm(uniform_map(["camera"], events))
        camera.play("camera", pictures(events), rate=1500)
        wait_until(lambda: live.completed(300), "the first events", live.state)
        live.placement.kill("worker-1")
        end = live.finished()
        assert (end["reduced"], end["failed"], end["lost"]) == (events + 2, 0, 0), live.state()
        check_each_once(live, events)
        # Its guard has the key, too: it tells of the end at once, and better than silence could.
        logs = " ".join(live.placement.output("controller"))
        assert "ended without a word" in logs, logs


@pytest.mark.long
def test_a_process_without_the_key_or_with_another_ends_with_a_sentence_and_changes_nothing(
    camera: Bench, keys: Path, tmp_path: Path
) -> None:
    mailbox = quiet_address()
    other = tmp_path / "other.keys"
    write_keys(other, new_keys())
    controller = {"http": quiet_address(), "mailbox": mailbox}
    with running(of_camera(camera), controller=controller, settings={"keys": str(keys)}) as live:
        worker = ("worker", "--workerclass=pictures:Worker", f"--analysis-path={ANALYSES}")
        without = started(*worker, f"--controller=tcp://{mailbox}")
        assert without.returncode == 2
        assert "name the key file with --keys" in without.stdout + without.stderr
        wrong = started("reducer", "--http-port=0", f"--controller=tcp://{mailbox}", f"--keys={other}")
        assert wrong.returncode == 2
        assert "copy the file of the one to the other" in wrong.stdout + wrong.stderr

        with zmq.Context() as context, context.socket(zmq.DEALER) as intruder:
            intruder.linger = 0
            intruder.connect(f"tcp://{mailbox}")
            forged = Register(
                "worker-1", "worker", "tcp://127.0.0.1:1", "elsewhere", 1, "0", tags=["generic"]
            )
            intruder.send(encode("worker-1@forged", forged))
            before = live.peer("worker-1")
            live.arm(uniform_map(["camera"], 100))
            camera.play("camera", pictures(100))
            end = live.finished()
        assert (end["reduced"], end["failed"], end["lost"], end["redelivered"]) == (102, 0, 0, 0)
        assert live.peer("worker-1") == before
        assert len(live.get("config")["workers"]) == 2


@pytest.mark.parametrize(
    "words",
    [
        ("controller", "--http-port=0", "--mailbox-port=0"),
        ("worker", "--workerclass=pictures:Worker"),
        ("reducer",),
    ],
)
def test_a_mailbox_without_keys_is_refused_beyond_this_machine(words: tuple[str, ...]) -> None:
    refused = started(*words, "--bind=0.0.0.0", "--advertise=127.0.0.1")
    assert refused.returncode == 2
    assert "there are no keys, so that anybody could take part" in refused.stderr
    assert "--mailbox-open" in refused.stderr
