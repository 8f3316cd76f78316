"""A pipeline of processes that asks for tokens over TLS: its own people get in, others do not, and no secret is shown anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

import beamloom
from access.services import make_certificate
from beamloom.access import Tokens, new_tokens, write_tokens
from beamloom.errors import RequestRefused
from live.pipelines import Bench, Live, of_camera, running
from live.series import pictures
from support.patience import PATIENCE
from support.ports import quiet_address

pytestmark = pytest.mark.processes


@dataclass
class Guarded:
    """The pipeline, and what it takes to be let in."""

    live: Live
    tokens: Tokens
    certificate: str

    def connect(self, token: str | None) -> beamloom.Pipeline:
        """A client with this token."""
        return beamloom.connect(self.live.placement.controller_url, token=token, ca_file=self.certificate)


@pytest.fixture
def guarded(camera: Bench, tmp_path: Path) -> Iterator[Guarded]:
    certificate, key = make_certificate(tmp_path)
    tokens = new_tokens()
    write_tokens(tmp_path / "tokens.json", tokens)
    settings = {
        "http_tokens": str(tmp_path / "tokens.json"),
        "http_certificate": str(certificate),
        "http_key": str(key),
        "log_level": "DEBUG",
    }
    with running(of_camera(camera), settings=settings, debugworker={"http": quiet_address()}) as live:
        yield Guarded(live, tokens, str(certificate))


def test_whoever_has_the_tokens_runs_and_reads_and_nobody_else(guarded: Guarded, camera: Bench) -> None:
    placement, tokens = guarded.live.placement, guarded.tokens
    urls = (placement.controller_url, placement.reducer_url, placement.debugworker_url)
    assert all(url.startswith("https://127.0.0.1:") for url in urls)
    for url in urls:
        for path in ("", "/api/v1/status", "/api/v1/config", "/api/v1/result/pickle", "/api/v1/last_events"):
            assert (
                requests.get(f"{url}{path}", verify=guarded.certificate, timeout=PATIENCE).status_code == 401
            )

    with pytest.raises(RequestRefused, match="BEAMLOOM_TOKEN"):
        guarded.connect("")
    with guarded.connect(tokens.read) as reading:
        with pytest.raises(RequestRefused, match="only reads"):
            reading.stop()
        assert not reading.progress().finished
    answer = requests.post(
        f"{placement.controller_url}/api/v1/workers",
        headers={"Authorization": f"Bearer {tokens.read}"},
        verify=guarded.certificate,
        timeout=20,
    )
    assert (answer.status_code, "only reads" in answer.json()["detail"]) == (403, True)

    with guarded.connect(tokens.control) as pipeline:
        pipeline.arm(["camera"], 5)
        camera.play("camera", pictures(5))
        pipeline.wait(PATIENCE)
        seen = next(iter(pipeline.watch("$.times", timeout=20)))
        assert seen.value is not None
    with guarded.connect(tokens.read) as reading:
        assert reading.coverage().complete

    told = [line for status in placement.status() for line in placement.output(status.name)]
    config = requests.get(
        f"{urls[0]}/api/v1/config", auth=("me", tokens.read), verify=guarded.certificate, timeout=PATIENCE
    )
    commands = [
        Path(f"/proc/{status.pid}/cmdline").read_text() for status in placement.status() if status.pid
    ]
    assert len(commands) == len(placement.status())
    for secret in (tokens.read, tokens.control):
        assert secret not in "\n".join([*told, config.text, *commands])


def test_a_pipeline_that_everybody_could_reach_does_not_start_without_a_token(camera: Bench) -> None:
    everywhere = quiet_address().replace("127.0.0.1", "0.0.0.0")
    from beamloom.placement.local import PlacementError

    with pytest.raises(PlacementError, match="make some with 'beamloom keys'"):
        with running(of_camera(camera), controller={"http": everywhere, "mailbox": quiet_address()}):
            pass
