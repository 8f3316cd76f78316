"""What is read of a repository without running it: deployments, monitor.yaml, recipes, rules, and what hooks do."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

from apps.crystallography.monitor.monitors import text_of
from beamloom.migrating import Wish, migrate
from beamloom.migrating.classes import classes_seen
from beamloom.migrating.deployments import pipeline_of
from beamloom.migrating.described import described_replays
from beamloom.migrating.edits import Edit, Places, edited, unified, with_one_import
from beamloom.migrating.looking import looked_at
from beamloom.migrating.repository import Repository, read_repository
from beamloom.migrating.shorter import shorter_arguments, shorter_imports
from beamloom.pipeline_file import parse_pipeline

COMPOSE = """\
services:
  redis: {image: "redis:7-alpine"}
  controller: {command: dranspose controller}
  eiger: {command: dranspose ingester -c ZmqPullSingleIngester -u tcp://eiger:9999 -n eiger}
  table: {command: [dranspose, http_ingester, -c, "x:app", -n, table]}
  worker: {command: dranspose worker, environment: ["WORKER_CLASS=src.worker.Worker"], deploy: {replicas: 3}}
  reducer: {command: "dranspose reducer -c src.reducer:Reducer"}
"""


def written(folder: Path, **texts: str) -> Repository:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_repository(folder)


def told(repository: Repository) -> list[tuple[int, str]]:
    return [(one.line, one.what) for one in looked_at(repository, classes_seen(repository))]


def test_a_compose_file_becomes_a_pipeline_file(tmp_path: Path) -> None:
    modules = {"src__worker_dot_py": "", "src__reducer_dot_py": ""}
    text, remarks = pipeline_of(written(tmp_path, compose_dot_yml=COMPOSE, **modules), "", "", None)
    pipeline = parse_pipeline(text, folder=tmp_path)
    assert {name: (one.device, one.options["url"]) for name, one in pipeline.streams.items()} == {
        "eiger": ("stins", "tcp://eiger:9999"),
        "table": ("sardana", "http://0.0.0.0:8000"),
    }
    [group] = pipeline.worker_groups
    assert (group.worker_class, group.count) == ("src.worker:Worker", 3)
    assert pipeline.reducer.reducer_class == "src.reducer:Reducer"
    assert [(one.line, one.level) for one in remarks] == [(5, "note"), (6, "attention")]


def test_variables_of_an_environment_become_a_pipeline_file(tmp_path: Path) -> None:
    variables = "export INGESTER_STREAMS='[\"cam\"]'\nUPSTREAM_URL=tcp://cam:9999\nWORKER_CLASS=a:W\n"
    modules = {"src__a_dot_py": "", "src__b_dot_py": "", "values_dot_json": "{}"}
    repository = written(tmp_path, pipeline_dot_env=variables, **modules)
    text, remarks = pipeline_of(repository, "a:W", "b:R", "values.json", "src")
    pipeline = parse_pipeline(text, folder=tmp_path)
    assert pipeline.streams["cam"].options == {"url": "tcp://cam:9999"}
    assert (pipeline.worker_groups[0].worker_class, pipeline.reducer.reducer_class) == ("a:W", "b:R")
    assert ["'stins' is taken, correct the device" in one.sentence for one in remarks] == [True]
    (tmp_path / "src" / "b.py").unlink()
    _, [_, remark] = pipeline_of(repository, "a:W", "b:R", "values.json", "src")
    assert "still lacks something: pipeline.yaml:5: there is no module 'b'" in remark.sentence


def test_a_monitor_yaml_is_told_by_its_lines_and_becomes_a_pipeline_file(tmp_path: Path) -> None:
    (tmp_path / "detector.geom").write_text("")
    (tmp_path / "monitor.yaml").write_text(text_of())
    found = migrate(Wish(path=str(tmp_path)))
    assert not found.problems
    assert "SOURCE --check" in found.remarks[0].sentence
    pipeline = parse_pipeline(found.pipeline)
    assert pipeline.worker_groups[0].worker_class == "beamloom.apps.crystallography:Worker"
    assert isinstance(pipeline.parameters, dict)
    assert (pipeline.parameters["geometry_file"], pipeline.parameters["adc_threshold"]) == (
        "detector.geom",
        8,
    )
    wrong = text_of().replace("min_num_peaks_for_hit", "min_num_peak_for_hit")
    (tmp_path / "monitor.yaml").write_text(wrong)
    found = migrate(Wish(path=str(tmp_path)))
    [problem] = found.problems
    assert wrong.splitlines()[problem.line - 1].startswith("  min_num_peak_for_hit")
    assert "did you mean 'min_num_peaks_for_hit'?" in problem.sentence
    assert found.pipeline == ""


def test_recipes_and_rules_of_pyme_are_told(tmp_path: Path, repository: Path) -> None:
    good = (repository / "examples" / "rules" / "RECIPES" / "measure_blobs.yaml").read_text()
    rules = "from PYME.cluster.rules import RecipeRule\nfrom PYME.cluster.rules import NoSuchRule\n"
    wrong = good.replace("Gaussian", "Gausian")
    written(tmp_path, good_dot_yaml=good, wrong_dot_yaml=wrong, chain_dot_py=rules)
    found = migrate(Wish(path=str(tmp_path)))
    assert [(one.place, one.level) for one in found.remarks] == [
        ("good.yaml", "works"),
        ("wrong.yaml:2", "problem"),
        ("chain.py:1", "deprecated"),
        ("chain.py:2", "attention"),
    ]
    assert "did you mean 'filters.GaussianFilter'?" in found.problems[0].sentence


def test_what_hooks_do_is_told_by_its_line(tmp_path: Path) -> None:
    text = """\
import time, pickle, zmq
from dranspose.ingester import Ingester
class Worker:
    def __init__(self, context=None, **kwargs):
        context["out"] = zmq.Context().socket(zmq.PUSH)
    def process_event(self, event, parameters):
        time.sleep(1)
        mask = pickle.loads(parameters["mask"].data)
        if isinstance(event.streams["a"].frames[0], zmq.Frame):
            pass
        return context["out"].recv()
class Reducer:
    def __init__(self):
        self.publish_rlock = None
        self.publish = {"a": {}, "b": [], "c": 0}
    def process_result(self, result):
        self.publish["a"][result.event_number] = 1
        self.publish["b"].append(1)
        self.publish["c"] += 1
        self.publish["a"] = np.concatenate([self.publish["a"], [1]])
        self.publish["a"][result.payload["position"]] = 1
"""
    # fmt: off
    assert told(written(tmp_path, analysis_dot_py=text, requirements_dot_txt="numpy\ndranspose==0.1\n")) == [
        (2, "imports"), (5, "sockets"), (7, "sleep"), (8, "pickle"), (9, "frames"), (11, "sockets"), (14, "publish_rlock"),
        (17, "result types"), (18, "result types"), (19, "result types"), (20, "result types"), (21, "result types"),
        (2, "install"),
    ]
    # fmt: on


def test_an_analysis_of_its_own_names_is_told_nothing(tmp_path: Path) -> None:
    text = "from beamloom import Event\nclass Worker:\n    def process_event(self, event: Event):\n        return 1\n"
    assert told(written(tmp_path, worker_dot_py=text)) == []


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("README_dot_md", "    dranspose replay -w a:W \\\n      -r a:R -f data/*.cbors -p p.json\n"),
        (
            "tests__test_it_dot_py",
            'replay("a:W", "a:R", ["data/x.cbors", "./data/y.cbors"], None, "p.json")\n',
        ),
        (
            "test_it_dot_py",
            'replay("a:W", "a:R", zmq_files=["data/x.cbors", "data/y.cbors"], parameter_file="p.json")',
        ),
    ],
)
def test_replays_are_described_in_tests_and_in_commands(tmp_path: Path, place: str, text: str) -> None:
    files = {"data__x_dot_cbors": "", "data__y_dot_cbors": "", "p_dot_json": "{}"}
    [asked], remarks = described_replays(written(tmp_path, **files, **{place: text}))
    assert (asked.worker, asked.reducer, asked.parameters) == ("a:W", "a:R", "p.json")
    assert asked.files == ("data/x.cbors", "data/y.cbors")
    assert not remarks
    (tmp_path / "data" / "x.cbors").unlink()
    if "README" not in place:
        none, [remark] = described_replays(read_repository(tmp_path))
        assert not none
        assert "data/x.cbors, which is not in the repository" in remark.sentence


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "def process_event(self, event, parameters=None, *args, **kwargs):",
            "def process_event(self, event):",
        ),
        ("def process_event(self, event, *, tick, parameters):", "def process_event(self, event):"),
        ("def process_event(self, event, **more):", "def process_event(self, event):"),
        ("def process_event(\n        self,\n        event,\n        parameters=None,\n    ):", None),
        ("def process_event(self, event, whatever=None, tick=False):", None),
        (
            "def process_event(self, event, parameters=None, *, own=1):",
            "def process_event(self, event, *, own=1):",
        ),
        ("def process_event(self, event):", ""),
        ("def process_event(self, event, # the event\n      parameters=None):", ""),
    ],
)
def test_arguments_that_nothing_uses_go(tmp_path: Path, before: str, after: str | None) -> None:
    text = f"class Wörker:\n    {before}\n        return event\n"
    repository = written(tmp_path, worker_dot_py=text)
    found = shorter_arguments(repository, classes_seen(repository))
    if after == "":
        assert not found
        return
    made = edited(text, [edit for one in found for edit in one.edits])
    assert made is not None
    assert after is None or after in made
    [hook] = [node for node in ast.walk(ast.parse(made)) if isinstance(node, ast.FunctionDef)]
    taken = [one.arg for one in (*hook.args.args, *hook.args.kwonlyargs)]
    assert not {"parameters", "tick", "args", "kwargs", "more"} & {*taken}


def test_a_hook_that_somebody_else_calls_or_extends_keeps_its_arguments(tmp_path: Path) -> None:
    worker = "class Worker:\n    def process_event(self, event, parameters=None, **kwargs):\n        return event\n"
    for other in ("Worker().process_event(1, parameters={}, more=2)\n", "class Mine(Worker):\n    pass\n"):
        repository = written(tmp_path, worker_dot_py=worker, other_dot_py=other)
        assert not shorter_arguments(repository, classes_seen(repository))


def test_a_name_that_is_taken_is_imported_as_the_old_one(tmp_path: Path) -> None:
    text = "from dranspose.event import EventData\nEvent = 1\ndef f(e: EventData): ...\n"
    [one] = shorter_imports(written(tmp_path, a_dot_py=text).sources[0])
    assert (
        edited(text, one.edits)
        == "from beamloom import Event as EventData\nEvent = 1\ndef f(e: EventData): ...\n"
    )


def test_edits_keep_line_ends_and_letters_and_make_patches_that_git_applies(tmp_path: Path) -> None:
    text = "ä = 'ö'; b = 1\r\nfrom beamloom import B\r\nc = 2\r\nfrom beamloom import A\r\nd = 3"
    tree, places = ast.parse(text), Places(text)
    made = edited(text, [places.replace(tree.body[1], "b = 'ü'")])
    assert made is not None
    assert made == text.replace("b = 1", "b = 'ü'")
    made = with_one_import(made)
    assert made == "ä = 'ö'; b = 'ü'\r\nfrom beamloom import A, B\r\nc = 2\r\nd = 3"
    assert edited(text, [Edit(0, 5, "x"), Edit(3, 6, "y")]) is None
    assert edited(text, [Edit(0, 1, "(")]) is None
    patch = unified({"a.py": text}, {"a.py": made, "new.yaml": "x: 1\n"})
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "a.py").write_bytes(text.encode())
    subprocess.run(["git", "-C", str(tmp_path), "apply"], input=patch.encode(), check=True)
    assert (tmp_path / "a.py").read_bytes() == made.encode()
    assert (tmp_path / "new.yaml").read_text() == "x: 1\n"
