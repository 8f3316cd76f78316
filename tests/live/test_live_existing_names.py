"""Processes that get nothing but the variables of existing dranspose deployments find each other by the store, and a run passes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beamloom import connect
from live.pipelines import Bench, wait_until
from live.series import pictures, uniform_map
from live.sites import Site
from support.hosts import Hosts, why_not
from support.redis_server import redis_server

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(180)]

EVENTS = 50
VERSION = {
    "commit_hash": "c0ffee",
    "branch_name": "main",
    "timestamp": "2026-01-01",
    "repository_url": "git@site",
}
URL = "http://127.0.0.1:5000"


def test_a_run_passes_through_processes_with_the_names_of_existing_deployments(tmp_path: Path) -> None:
    if (problem := why_not()) is not None:
        pytest.skip(problem)
    (tmp_path / "version.json").write_text(json.dumps(VERSION))
    # On a host of one's own the usual ports are free.
    with Hosts("site") as hosts, hosts["site"].there(), redis_server(tmp_path, hosts["site"]) as store:
        everywhere = {
            "REDIS_URL": store.url,
            "LOG_LEVEL": "DEBUG",
            "BEAMLINE": "dummymax",
            "BUILD_META_FILE": str(tmp_path / "version.json"),
        }
        ingester = {"UPSTREAM_URL": "tcp://127.0.0.1:9999", "INGESTER_URL": "tcp://localhost:10000"}
        dump = {"DUMP_PATH": f"{tmp_path}/dump.cbors"}
        worker = {"WORKER_CLASS": "pictures:Worker", "WORKER_TAGS": '["generic"]', "WORKER_NAME": "first"}
        reducer = {"REDUCER_CLASS": "pictures:Reducer", "REDUCER_URL": "tcp://localhost:10200"}
        with Site(hosts, tmp_path, {}) as site, Bench({"camera": ("stins", "tcp://127.0.0.1:9999")}) as bench:
            # All but the controller: they wait until the store knows one.
            words = "dranspose ingester -c ZmqPullSingleIngester -n camera"
            site.start_bare("site", words, "ingester", **everywhere, **ingester, **dump)
            site.start_bare("site", "dranspose worker", "worker", **everywhere, **worker)
            site.start_bare("site", "dranspose reducer", "reducer", **everywhere, **reducer)
            for name in ("ingester", "worker", "reducer"):
                site.wait_for(name, "waits for a controller at redis://")
            site.start_bare("site", "dranspose controller", "one", **everywhere)
            site.wait_for("one", "HTTP API at")
            for name in ("ingester", "worker", "reducer"):
                site.wait_for(name, "takes part as")
            with connect(URL) as pipeline:
                wait_until(lambda: not pipeline.problems(), "all", site.told)
                told = pipeline.processes()
                assert told["ingesters"][0]["url"] == "tcp://127.0.0.1:10000"
                assert told["reducer"]["url"] == "tcp://127.0.0.1:10200"
                assert told["workers"][0]["name"] == "first"
                assert told["workers"][0]["mapreduce_version"] == VERSION
                run = pipeline.arm(uniform_map(["camera"], EVENTS))
                bench.play("camera", pictures(EVENTS))
                end = pipeline.wait(60)
                assert (end.reduced, end.failed, end.lost) == (EVENTS + 2, 0, 0), site.told()
            assert "each run is recorded to a file of its own" in site.said("ingester")
            recorded = tmp_path / f"dump-camera-ingester-{run}.cbors"
            wait_until(recorded.exists, f"{recorded.name} among {sorted(tmp_path.iterdir())}")

            # The next controller is elsewhere. Those that begin after it find it, and so do those that were there.
            site.kill("one")
            elsewhere = {"BEAMLOOM_MAILBOX_PORT": "10501"}
            site.start_bare("site", "dranspose controller", "two", **everywhere, **elsewhere)
            site.wait_for("two", "HTTP API at")
            site.start_bare(
                "site", "dranspose worker", "another", **everywhere, **(worker | {"WORKER_NAME": "second"})
            )
            with connect(URL) as pipeline:
                wait_until(
                    lambda: (
                        {one["name"] for one in pipeline.processes()["workers"]} == {"first", "second"}
                        and not pipeline.problems()
                    ),
                    "both workers, and all others",
                    site.told,
                )
                pipeline.arm(uniform_map(["camera"], EVENTS))
                bench.play("camera", pictures(EVENTS))
                end = pipeline.wait(60)
                assert (end.reduced, end.failed, end.lost) == (EVENTS + 2, 0, 0), site.told()
