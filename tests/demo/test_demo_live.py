"""The demo itself: real processes, real sockets, a small scan."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamloom.cli.demo import scan
from beamloom.demo import http_client
from beamloom.demo.live import DemoError, Moment, live_scan
from beamloom.demo.pictures import Style
from beamloom.demo.sample import Picture, Sample
from beamloom.demo.screen import LineScreen
from support.patience import PATIENCE

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

SMALL = ("--mesh", "10x8", "--rate", "200")


@pytest.fixture(autouse=True)
def temporary_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever is put into temporary folders has to be gone again."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    # The folder is remembered after the first use; this process's own demos must see ours, too.
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


def started(*words: str) -> subprocess.Popen[str]:
    """``beamloom demo`` as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "beamloom", "demo", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """The output up to and with the line that has ``text``."""
    seen = ""
    assert process.stdout is not None
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} did not come:\n{seen}")


def test_the_demo_shows_the_maps_and_ends_well(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture, recording = tmp_path / "maps.png", tmp_path / "recording"
    with started(*SMALL, "--png", str(picture), "--record", str(recording)) as demo:
        shown, _ = demo.communicate(timeout=150)
    assert demo.returncode == 0, shown
    assert "82 events: 82 reduced, 0 failed, 0 lost\n" in shown
    assert len(re.findall(r"^(Fe|Cu|Au)  correlation with the truth 0\.9\d+, largest", shown, re.M)) == 3
    assert "Traceback" not in shown
    assert "INFO" not in shown
    assert "beamloom replay -f" in shown
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert list(tmp_path.glob(".*")) == []
    assert len(list(recording.glob("*.cbors"))) == 2


def test_with_another_truth_the_scan_fails_its_check() -> None:
    stream = io.StringIO()
    screen = LineScreen(stream, Style(colours=False))
    sample = Sample(columns=10, rows=8)

    class Turned(Sample):
        def pictures(self) -> dict[str, Picture]:
            return {element: picture[::-1] for element, picture in super().pictures().items()}

    with live_scan(sample) as live:
        outcome = scan(live, Turned(columns=10, rows=8), screen, rate=200)
    assert outcome.moment.whole
    assert not outcome.passed
    assert "The check failed: Fe and Cu and Au differ from the sample" in stream.getvalue()


def test_the_maps_grow_while_the_scan_runs() -> None:
    seen: list[Moment] = []
    with live_scan(Sample(columns=10, rows=8)) as live:
        live.wait_ready()
        live.arm()
        live.play(80)
        seen.extend(live.watch())
    points = [int((moment.maps["Fe"] >= 0).sum()) for moment in seen]
    assert points == sorted(points)
    assert 0 < points[len(points) // 2] < 80
    assert points[-1] == 80
    assert not seen[0].finished
    assert seen[-1].whole


def test_a_pipeline_that_is_kept_can_be_read_until_ctrl_c() -> None:
    with started(*SMALL, "--keep") as demo:
        shown = read_until(demo, "the map  ")
        found = re.search(r"the map +(http://\S+?)(/\S+)", shown)
        assert found is not None
        published = http_client.get(found[1], found[2])
        assert len(published[0]["key_0"]) == 80
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_a_demo_that_is_told_to_end_ends_soon_and_says_so(number: signal.Signals) -> None:
    with started("--rate", "20") as demo:
        read_until(demo, "/702 events")
        begin = time.monotonic()
        demo.send_signal(number)
        shown, _ = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 130
    assert "told to end" in shown
    assert time.monotonic() - begin < 8


def test_a_scan_that_stands_still_is_given_up_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamloom.demo.live.PATIENCE", 0.5)
    with live_scan(Sample(columns=2, rows=2)) as live:
        live.wait_ready()
        live.arm()
        with pytest.raises(DemoError, match=r"no event came through in 0\.5 s"):
            list(live.watch())


def test_a_killed_worker_does_not_change_the_maps() -> None:
    with live_scan(Sample(columns=10, rows=8)) as live:
        live.wait_ready()
        live.arm()
        live.play(80)
        moments = live.watch()
        while next(moments).settled < 10:
            pass
        live.placement.kill("worker-1")
        *_, last = moments
    assert last.whole
    assert int((last.maps["Fe"] >= 0).sum()) == 80


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--png", "maps.xyz"), "is no name of a picture"),
        (("--png", "/no/such/folder/maps.png"), "there is no folder '/no/such/folder'"),
        (("--record", "/proc/nowhere"), "nothing can be recorded in '/proc/nowhere'"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_starts(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from beamloom.cli import main

    assert main(["demo", *words]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""
