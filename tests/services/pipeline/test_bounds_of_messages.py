"""No message, parameter or body names a place to write to, or a module to import, that the settings do not vouch for."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from beamloom.parameters import ParameterError
from beamloom.services.reducer.batches import decoder_of
from beamloom.services.shell.record_places import refusal
from beamloom.settings import ControllerSettings, IngesterSettings, ReducerSettings
from beamloom.transport.channel import Received
from beamloom.transport.codec import Encoded, UndecodableResult, encode
from beamloom.transport.messages import CONTROLLER, Arm, Armed, Heartbeat, Register, Unknown
from beamloom.transport.sense import makes_sense
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, counts, series

ARM = Arm("run", ("reducer@1", "memory://nobody"), {}, {}, 0, {}, None, 1.0)


def places(**settings: Any) -> IngesterSettings:
    return IngesterSettings(name="camera", streams={}, **settings)


# ---- where is written ---------------------------------------------------------------------------------------------------


def test_a_prefix_may_lead_in_and_below_the_folders_of_the_settings(tmp_path: Path) -> None:
    own = places(record_prefix=f"{tmp_path}/runs/scan-")
    below = places(record_below=str(tmp_path))
    for prefix in ("", f"{tmp_path}/runs/scan-", f"{tmp_path}/runs/other-", f"{tmp_path}/runs/a/b/"):
        assert refusal(prefix, own) is None
        assert refusal(prefix, below) is None
    assert refusal("/anywhere/at/all-", places(record_below="/")) is None


@pytest.mark.parametrize(
    "ending", ["runs/../../x-", "../", "runs-", "link/x-", "runs/\0x", "runs/../../etc/passwd"]
)
def test_a_prefix_that_leads_elsewhere_is_refused_with_what_to_do(tmp_path: Path, ending: str) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to("/")
    at = "" if ending.startswith("runs") else "runs/"
    problem = refusal(f"{tmp_path}/{at}{ending}", places(record_prefix=f"{tmp_path}/runs/scan-"))
    assert problem is not None
    assert "record_below" in problem


def test_without_a_place_in_the_settings_no_prefix_is_taken(tmp_path: Path) -> None:
    assert "may lead nowhere" in (refusal(f"{tmp_path}/x-", places()) or "")


def test_a_forged_arming_records_nothing_and_names_no_files_by_its_run(tmp_path: Path) -> None:
    with Bench({}) as bench:
        bench.add_ingester("camera", Feed(series(3)), record_prefix=f"{tmp_path}/own/scan-")
        bench.until(bench.everyone_known)
        layouts = bench.arm(uniform(["camera"], 3)).run.layouts
        bench.until(lambda: bench.active.finished)
        answers: list[Armed] = []

        def tap(name: str, received: Received) -> bool:
            if isinstance(received.message, Armed):
                answers.append(received.message)
            return True

        bench.tap = tap
        forged = msgspec.structs.replace(ARM, layouts=layouts, record_prefix=f"{tmp_path}/elsewhere/")
        bench.services["camera-ingester"].receive(Received(CONTROLLER, forged, ()), bench.now)
        bench.until(lambda: bool(answers))
        assert "does not record to" in (answers[0].problem or "")
        assert not (tmp_path / "elsewhere").exists()
    for run in ("../run", "a/b", "", ".hidden", "x" * 101, "run\n"):
        assert not makes_sense(msgspec.structs.replace(ARM, run=run), [])
    assert makes_sense(ARM, [])


def test_a_parameter_that_leads_recordings_elsewhere_is_refused_as_it_is_set(tmp_path: Path) -> None:
    with Bench({"camera": Feed(series(3))}, settings=ControllerSettings(record_below=str(tmp_path))) as bench:
        with pytest.raises(ParameterError, match="record_below"):
            bench.controller.set_parameters({"dump_prefix": b"/elsewhere/scan-"})
        with pytest.raises(ParameterError, match="record_below"):
            bench.controller.set_parameters({"dump_prefix": b"/\xff"})
        bench.controller.set_parameters({"dump_prefix": f"{tmp_path}/scan-".encode()})
        assert bench.controller.epochs.record_prefix == f"{tmp_path}/scan-"


def test_a_prefix_that_controller_and_ingester_allow_is_recorded_to(tmp_path: Path) -> None:
    with Bench({}, settings=ControllerSettings(record_below=str(tmp_path))) as bench:
        bench.add_ingester("camera", Feed(series(3)), record_below=str(tmp_path))
        bench.until(bench.everyone_known)
        bench.controller.set_parameters({"dump_prefix": f"{tmp_path}/day/scan-".encode()})
        assert counts(bench.play(uniform(["camera"], 3))) == (5, 0, 0)
    kinds = sorted(path.name.removeprefix("scan-").split("-")[0] for path in (tmp_path / "day").iterdir())
    assert kinds == ["analysis", "camera", "ended", "epochs", "mapping", "parameters"]


# ---- what is imported -----------------------------------------------------------------------------------------------------


MODULE = "import dataclasses\n@dataclasses.dataclass\nclass Found:\n    value: int = 1\n"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Encoded:
    """A result of a class in a module that could be imported, is not loaded, and lies in no folder of the settings."""
    folder = tmp_path / "installed"
    folder.mkdir()
    (folder / "harmful_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(folder))
    sent = encode(importlib.import_module("harmful_module").Found(7)).detached()
    del sys.modules["harmful_module"]
    return sent


def decoded(sent: Encoded, analysis_path: Path, *named: str, **settings: Any) -> Any:
    """The result, after an arming that names analyses."""
    arm = msgspec.structs.replace(ARM, analyses=list(named))
    reducer = ReducerSettings(analysis_path=str(analysis_path), reducer_class="mine:Reducer", **settings)
    return decoder_of(arm, reducer).decode(sent.head, sent.buffers)


@pytest.mark.parametrize(
    "named", ["harmful_module:Found", "harmful_module", "../installed/harmful_module:Found"]
)
def test_a_message_has_no_module_imported_by_naming_it_as_an_analysis(
    elsewhere: Encoded, tmp_path: Path, named: str
) -> None:
    (tmp_path / "analysis").mkdir()
    with pytest.raises(UndecodableResult, match="result_packages"):
        decoded(elsewhere, tmp_path / "analysis", named)
    assert "harmful_module" not in sys.modules


def test_classes_of_packages_that_the_settings_vouch_for_are_found(
    elsewhere: Encoded, tmp_path: Path
) -> None:
    assert decoded(elsewhere, tmp_path / "installed", "harmful_module:Worker").value == 7
    del sys.modules["harmful_module"]
    assert decoded(elsewhere, tmp_path, result_packages=("harmful_module",)).value == 7
    del sys.modules["harmful_module"]


def test_no_message_names_the_class_that_a_worker_or_a_reducer_runs() -> None:
    """Their classes stand in the settings of their own processes; what a registration says of them is only shown."""
    with Bench({"camera": Feed(series(3))}) as bench:
        bench.arm(uniform(["camera"], 3))
        before = set(sys.modules)
        register = Register(
            "evil", "worker", "memory://evil", "here", 1, "0", analysis="antigravity:Worker", tags=["x"]
        )
        bench.controller.receive(Received("evil@1", register, ()), bench.now)
        bench.until(lambda: bench.active.finished)
        assert "antigravity" not in set(sys.modules) - before


# ---- how many take part ---------------------------------------------------------------------------------------------------


def registered(name: str, **more: Any) -> Register:
    return Register(name, "worker", f"memory://{name}", "here", 1, "0", **more)


def test_more_processes_than_the_settings_allow_are_not_taken_in_and_one_sentence_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Bench({"camera": Feed(series(3))}, settings=ControllerSettings(max_processes=5)) as bench:
        for number in range(9):
            bench.controller.receive(
                Received(f"stranger-{number}@1", registered(f"stranger-{number}"), ()), bench.now
            )
        assert len(list(bench.controller.ensemble)) == 5
        told = [line for line in caplog.messages if "is not taken in" in line]
        assert len(told) == 1
        assert "raise max_processes" in told[0]
        # Whoever takes the place of one that is known is let in.
        bench.kill("worker-1")
        bench.add_worker("worker-1")
        bench.until(lambda: bench.member("worker-1").peer == bench.channels["worker-1"].peer)


def test_strangers_who_give_signs_of_life_are_answered_so_many_times_a_second_and_no_connection_stays() -> (
    None
):
    with Bench({}) as bench:
        box = bench.exchange.channel("stranger")
        for number in range(1000):
            beat = Heartbeat(box.address)
            bench.controller.receive(Received(f"stranger-{number}", beat, ()), bench.now)
        answers = box.receive(0.0)
        assert len(answers) == 100
        assert all(isinstance(one.message, Unknown) for one in answers)
        assert not [peer for peer in bench.channels["controller"]._connected if peer.startswith("stranger")]


def test_endless_names_are_no_names() -> None:
    assert not makes_sense(registered("x" * 2000), [])
    assert makes_sense(registered("worker"), [])
