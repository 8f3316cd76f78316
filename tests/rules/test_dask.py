"""Rules on a Dask cluster of real processes: the same tables as by the local pool, and what is asked of Dask is asked."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.control.rules import OwnRules, RulesHost
from beamloom.rules import DaskExecutor, FunctionRule, Retries, Rule, RuleEngine, RuleRefused
from beamloom.settings import ControllerSettings
from rules.conftest import expected, frames, series
from support.dask_commands import DaskCommands
from support.patience import PATIENCE
from support.rule_ledgers import frames_done, values
from support.waiting import until

distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'beamloom[dask]'")
pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCommands]:
    """Two workers of one thread each; only the first has a graphics processor, or what is called so."""
    workers = {"with": ["--resources", "gpu=1"], "without": []}
    told = {name: ["--no-nanny", f"--name={name}", *more] for name, more in workers.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        with DaskCommands(tmp_path_factory.mktemp("dask"), told) as cluster:
            with distributed.Client(
                cluster.scheduler_address, timeout=PATIENCE, set_as_default=False
            ) as client:
                client.wait_for_workers(2, timeout=PATIENCE)
                # The library keeps the thread of the first callback of a process for ever: it is started before the tests.
                client.submit(int).add_done_callback(lambda future: None)
            yield cluster


@pytest.fixture
def engine(tmp_path: Path, cluster: DaskCommands) -> Iterator[RuleEngine]:
    with RuleEngine(tmp_path / "rules", DaskExecutor(cluster.scheduler_address)) as engine:
        yield engine


def workers(cluster: DaskCommands) -> dict[str, tuple[str, int]]:
    """Address and process of each worker by its name."""
    with distributed.Client(cluster.scheduler_address, timeout=PATIENCE, set_as_default=False) as client:
        known = client.scheduler_info()["workers"]
        return {worker["name"]: (address, cluster.pid(worker["name"])) for address, worker in known.items()}


def parents(engine: RuleEngine, rule: Rule) -> set[int]:
    return {int(part.value["parent"]) for part in engine.parts(rule.pushed.id)}


def test_a_table_is_whole_and_every_chunk_is_worked_off_once(engine: RuleEngine, tmp_path: Path) -> None:
    pixels = frames(300)
    series(tmp_path / "series", pixels)
    rule = FunctionRule(
        "support.rule_tasks:sums",
        tmp_path / "series",
        gather="support.rule_tasks:write_table",
        outputs={"results": tmp_path / "out.npy"},
        chunk=10,
    ).push(engine)
    rule.wait(PATIENCE)
    table = np.load(tmp_path / "out.npy")
    assert table["frame"].tolist() == list(range(300))
    assert (table["sum"] == expected(pixels)).all()
    assert not (tmp_path / ".beamloom-rules").exists()


def test_a_chunk_goes_where_there_is_what_it_needs(engine: RuleEngine, cluster: DaskCommands) -> None:
    rule = FunctionRule("support.rule_tasks:tells_where", 12, chunk=1, resources={"gpu": 1}).push(engine)
    rule.wait(PATIENCE)
    assert parents(engine, rule) == {workers(cluster)["with"][1]}


def test_a_chunk_goes_to_the_host_where_its_frames_are(engine: RuleEngine, cluster: DaskCommands) -> None:
    address, pid = workers(cluster)["without"]
    rule = FunctionRule("support.rule_tasks:tells_where", 12, chunk=1, near=[address], elsewhere=False).push(
        engine
    )
    rule.wait(PATIENCE)
    assert parents(engine, rule) == {pid}


def test_more_than_any_worker_has_is_refused_once_the_workers_are_known(engine: RuleEngine) -> None:
    FunctionRule("support.rule_tasks:nothing", 1).push(engine).wait(PATIENCE)
    with pytest.raises(RuleRefused, match="needs 2 gpu for a chunk, and the executor has 1"):
        FunctionRule("support.rule_tasks:nothing", 1, resources={"gpu": 2}).push(engine)


def test_what_is_urgent_overtakes_what_dask_already_has(
    engine: RuleEngine, cluster: DaskCommands, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    marker.touch()
    task, parameters = "support.rule_tasks:tells_where", {"marker": str(marker)}
    slow = FunctionRule(task, 6, chunk=1, resources={"gpu": 1}, parameters=parameters).push(engine)
    with distributed.Client(cluster.scheduler_address, timeout=PATIENCE, set_as_default=False) as client:

        def has(rule: Rule) -> int:
            keys: list[str] = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))
            return sum(f"-{rule.pushed.id}-" in key for key in keys)

        until(lambda: has(slow) >= 4, "Dask has chunks")
        urgent = FunctionRule(task, 1, chunk=1, resources={"gpu": 1}, priority=5).push(engine)
        until(lambda: has(urgent), "Dask has the urgent one")
    marker.unlink()
    urgent.wait(PATIENCE)
    slow.wait(PATIENCE)
    (first,) = [part.value["begun"] for part in engine.parts(urgent.pushed.id)]
    assert first < max(part.value["begun"] for part in engine.parts(slow.pushed.id))


def test_a_task_that_ends_its_process_costs_its_chunk_an_attempt_and_no_worker_of_dask(
    engine: RuleEngine, cluster: DaskCommands, tmp_path: Path
) -> None:
    before = workers(cluster)
    series(tmp_path / "series", frames(12))
    (tmp_path / "lives").mkdir()
    (tmp_path / "lives" / "one").touch()
    rule = FunctionRule(
        "support.rule_tasks:dies",
        tmp_path / "series",
        parameters={"bad": [5], "lives": str(tmp_path / "lives")},
        chunk=4,
        work=str(tmp_path / "work"),
        retries=Retries(deaths=1, backoff=0.0),
    ).push(engine)
    rule.wait(PATIENCE)
    (group,) = rule.status()["errors"]
    assert (group["kind"], group["chunks"], group["given_up"]) == ("worker died", 1, 0)
    assert "SIGKILL" in group["message"]
    assert workers(cluster) == before


def test_a_time_limit_ends_the_task(engine: RuleEngine, tmp_path: Path) -> None:
    (tmp_path / "marker").touch()
    rule = FunctionRule(
        "support.rule_tasks:tells_where",
        1,
        parameters={"marker": str(tmp_path / "marker")},
        timeout=0.2,
        retries=Retries(timeouts=0),
    ).push(engine)
    rule.wait(PATIENCE, check=False)
    assert rule.status()["errors"][0]["kind"] == "time limit"


def test_cancelling_ends_the_processes_of_its_chunks(engine: RuleEngine, tmp_path: Path) -> None:
    marker, here = tmp_path / "marker", tmp_path / "here"
    marker.touch()
    here.mkdir()
    rule = FunctionRule(
        "support.rule_tasks:holds", 8, chunk=1, parameters={"marker": str(marker), "here": str(here)}
    ).push(engine)
    begun = until(lambda: list(here.iterdir()), "a chunk has begun")
    rule.cancel()
    pids = [int(path.name.partition("-")[0]) for path in begun]
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), f"the processes {pids} have ended")
    assert rule.status()["state"] == "cancelled"


def test_closing_ends_what_is_under_way_and_the_next_engine_goes_on(
    cluster: DaskCommands, tmp_path: Path
) -> None:
    marker, here = tmp_path / "marker", tmp_path / "here"
    marker.touch()
    here.mkdir()
    series(tmp_path / "series", frames(8))
    with RuleEngine(tmp_path / "rules", DaskExecutor(cluster.scheduler_address)) as engine:
        FunctionRule(
            "support.rule_tasks:holds",
            tmp_path / "series",
            chunk=1,
            parameters={"marker": str(marker), "here": str(here)},
        ).push(engine)
        begun = until(lambda: list(here.iterdir()), "a chunk has begun")
    pids = [int(path.name.partition("-")[0]) for path in begun]
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), f"the processes {pids} have ended")
    marker.unlink()
    with RuleEngine(tmp_path / "rules", DaskExecutor(cluster.scheduler_address)) as engine:
        (rule,) = engine.rules()
        assert rule.wait(PATIENCE)["frames"]["done"] == 8


def test_the_service_of_the_rules_works_them_off_on_the_cluster_that_its_settings_name(
    cluster: DaskCommands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    series(tmp_path / "data" / "cell", frames(20))
    settings = ControllerSettings(
        rules_below=(str(tmp_path / "data"),),
        rule_types={"where": "support.rule_tasks:tells_where"},
        rules_scheduler=cluster.scheduler_address,
    )
    with closing(RulesHost(settings, tmp_path / "ledger")) as host:
        host.submit(
            OwnRules(
                {"rule": "where", "inputs": {"series": "{{recording}}"}, "arguments": {"chunk": 5}},
                {"recording": str(tmp_path / "data" / "cell")},
                by="run 1",
            )
        ).result(PATIENCE)
        until(lambda: frames_done(tmp_path / "ledger") == 20, "all frames are worked off")
    pids = {pid for _, pid in workers(cluster).values()}
    assert {one["parent"] for one in values(tmp_path / "ledger")} <= pids


@pytest.mark.parametrize("given", ["node7", "node7:8786:1", "tpc://node7:8786", "", 5])
def test_what_is_no_cluster_is_refused_at_once(given: Any) -> None:
    with pytest.raises(RuleRefused, match=r"tcp://host:8786"):
        DaskExecutor(given)
