"""Which rules a run starts, when, under which keys, and what the service of the rules is told of its recording."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import pytest

from beamloom.analysis import START_RULE
from beamloom.control.rules import OwnRules
from beamloom.engine.feedback import Feedback
from beamloom.rules.written import RuleTypes, as_description, build
from beamloom.services.controller.run_rules import RunRules, SeenRun, description_of
from beamloom.settings import RunRule
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, counts
from services.bench import series as frames

RUN = "11111111-2222-3333-4444-555555555555"


class Service:
    """Remembers what was submitted, and gives what it is told to."""

    def __init__(self, outcome: Exception | None = None) -> None:
        self.submitted: list[dict[str, Any]] = []
        self._outcome = outcome

    def submit(self, rules: OwnRules) -> Future[dict[str, Any]]:
        self.submitted.append(msgspec.structs.asdict(rules))
        future: Future[dict[str, Any]] = Future()
        if self._outcome is None:
            future.set_result({"id": 1})
        else:
            future.set_exception(self._outcome)
        return future

    @property
    def keys(self) -> list[str]:
        return [one["key"].removeprefix(f"{RUN}/") for one in self.submitted]


def asked(number: int, payload: object) -> Feedback:
    return Feedback(number, START_RULE, msgspec.json.encode(payload), 3, "reducer", 0.0)


def seen(*feedback: Feedback, finished: bool = False, run: str = RUN) -> SeenRun:
    return SeenRun(run, "/data/today/", finished, feedback, {"camera": 2, "scan": 1})


RULES = [
    RunRule(name="first", when="start", rule="LocalisationRule", stream="camera"),
    RunRule(name="last", when="end", rule="LocalisationRule", stream="camera"),
    RunRule(name="now", when="asked", rule="LocalisationRule", stream="camera"),
]


@pytest.mark.expects_errors
def test_whoever_listens_to_the_controller_and_fails_ends_neither_it_nor_the_others() -> None:
    heard: list[str] = []

    def faulty() -> None:
        raise FileNotFoundError("the folder of this process is gone")

    with Bench({"camera": Feed(frames(4))}) as bench:
        bench.controller.listeners += [faulty, lambda: heard.append("news")]
        assert counts(bench.play(uniform(["camera"], 4))) == (6, 0, 0)
    assert heard


def test_each_rule_is_started_once_on_its_occasion() -> None:
    service = Service()
    rules = RunRules(RULES, service)
    rules.look(seen())
    rules.look(seen())
    assert service.keys == ["first/start"]
    rules.look(seen(asked(4, {"rule": "now", "inputs": {"label": "a"}})))
    rules.look(seen(asked(4, {"rule": "now"}), asked(9, {"rule": "now"}), finished=True))
    assert service.keys == ["first/start", "now/4", "last/end", "now/9"]
    assert service.submitted[1]["inputs"] == {"label": "a", "run": RUN, "folder": "/data/today"}
    assert all(one["anywhere"] and one["by"] == f"run {RUN}" for one in service.submitted)


def test_another_controller_submits_the_same_under_the_same_keys() -> None:
    everything = seen(asked(4, {"rule": "now"}), finished=True)
    services = [Service(), Service()]
    for service in services:
        RunRules(RULES, service).look(everything)
    assert services[0].keys == services[1].keys == ["first/start", "last/end", "now/4"]
    assert services[0].submitted == services[1].submitted


def test_the_next_run_starts_its_own() -> None:
    service = Service()
    rules = RunRules(RULES, service)
    rules.look(seen())
    rules.look(seen(run="another"))
    assert [one["key"] for one in service.submitted] == [f"{RUN}/first/start", "another/first/start"]


@pytest.mark.expects_errors
@pytest.mark.parametrize(
    ("rules", "payload", "said"),
    [
        (
            RULES,
            {"rule": "nwo"},
            "asks for the rule 'nwo', which the pipeline file does not have (did you mean 'now'?)",
        ),
        (RULES, {"rool": "now"}, "names no rule"),
        ([], {"rule": "now"}, "the pipeline file has none; name it there under 'rules' with 'when: asked'"),
    ],
)
def test_what_cannot_be_started_is_said_once(
    rules: list[RunRule], payload: object, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service()
    running = RunRules(rules, service)
    with caplog.at_level(logging.ERROR):
        running.look(seen(asked(1, payload)))
        running.look(seen(asked(1, payload)))
    assert [said in record.getMessage() for record in caplog.records] == [True]
    assert set(service.keys) <= {"first/start"}


@pytest.mark.expects_errors
def test_a_refusal_of_the_service_is_told(caplog: pytest.LogCaptureFixture) -> None:
    RunRules(RULES, Service(ValueError("no room"))).look(seen())
    assert f"the rule 'first' of {RUN}/first/start is not started: no room" in caplog.text


def test_a_rule_reads_the_stream_of_the_run(tmp_path: Path) -> None:
    rule = RunRule(name="spots", rule="LocalisationRule", stream="camera", outputs={"results": "{{run}}.h5"})
    context = {"run": RUN, "folder": "/data/today"}
    written = as_description({**description_of(rule, seen(), context), "context": context})
    (spec,) = build(written, RuleTypes(), tmp_path, below=()).specs
    assert spec.source == {
        "kind": "recording",
        "path": "/data/today/",
        "run": RUN,
        "stream": "camera",
        "field": "array",
        "shares": 2,
    }
    assert spec.outputs == {"results": f"/data/today/{RUN}.h5"}


def test_a_recipe_takes_streams_and_is_followed_by_other_rules(tmp_path: Path) -> None:
    (tmp_path / "mean.yaml").write_text(
        "- processing.Projection: {inputName: input, outputName: mean}\n"
        "- output.ImageOutput: {inputName: mean, filePattern: '{{output_dir}}/mean_{{run}}.tif'}\n"
    )
    (tmp_path / "sharp.yaml").write_text(
        "- filters.GaussianFilter: {inputName: input, sigma: 1, outputName: sharp}\n"
        "- output.ImageOutput: {inputName: sharp, filePattern: '{{output_dir}}/sharp.tif'}\n"
    )
    rule = RunRule(
        name="mean",
        recipe=f"{tmp_path}/mean.yaml",
        inputs={"input": "camera"},
        arguments={"output_dir": "{{folder}}/images"},
        on_completion=({"recipe": f"{tmp_path}/sharp.yaml", "name": "sharp"},),
    )
    context = {"run": RUN, "folder": "/data/today"}
    written = build(
        as_description({**description_of(rule, seen(), context), "context": context}),
        RuleTypes(),
        tmp_path,
        below=(),
    )
    first, second = written.specs
    assert first.parameters["inputs"] == {"input": [f"/data/today/camera-{RUN}.cbors#camera"]}
    assert second.parameters["inputs"] == {"input": [f"/data/today/images/mean_{RUN}.tif"]}
    assert [(link.parent, link.child) for link in written.links] == [(0, 1)]
