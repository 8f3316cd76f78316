"""The service of the rules as clients see it, over its real HTTP, with a real engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from beamloom.control.rules.answers_over_http import rules_app
from beamloom.control.rules.desk import RulesDesk
from beamloom.rules import LocalPool, RuleEngine
from beamloom.rules.executors import OnDemand
from beamloom.rules.written import RuleTypes
from beamloom.transport.http_server import HttpServer
from rules.conftest import expected, frames
from support.patience import PATIENCE
from support.rules_service import served


class Service:
    """A service of the rules in this process, that reads and writes in ``data``."""

    def __init__(self, url: str, data: Path) -> None:
        self.url = f"{url}/api/v1/rules"
        self.data = data

    def get(self, path: str = "", **params: Any) -> Any:
        answer = requests.get(f"{self.url}{path}", params=params, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str = "", body: Any = None, **params: Any) -> Any:
        answer = requests.post(f"{self.url}{path}", json=body, params=params, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, status: int, **more: Any) -> str:
        answer = requests.request(method, f"{self.url}{path}", timeout=PATIENCE, **more)
        assert answer.status_code == status, answer.text
        assert set(answer.json()) == {"detail"}
        sentence: str = answer.json()["detail"]
        return sentence

    def wait(self, chain: int, reached: Callable[[Any], bool]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not reached(told := self.get(f"/{chain}")):
            assert time.monotonic() < deadline, told
            time.sleep(0.02)
        return told

    def ended(self, chain: int) -> Any:
        return self.wait(chain, lambda told: told["state"] != "running")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with served(tmp_path) as url:
        yield Service(url, tmp_path / "data")


def table(service: Service, **more: Any) -> dict[str, Any]:
    """A rule that writes its table."""
    arguments = {"chunk": 10, **more.pop("arguments", {})}
    outputs = {"results": str(service.data / "sums.npy")}
    inputs = {"series": str(service.data / "cell")}
    return {"rule": "table", "inputs": inputs, "outputs": outputs, "arguments": arguments, **more}


def test_a_chain_is_submitted_worked_off_and_told_with_its_files(service: Service) -> None:
    chain = service.post(
        body={"title": "both", "chain": [table(service, name="first"), {"rule": "sums", "inputs": {"series": str(service.data / "cell")}}]},
        by="anna",
    )  # fmt: skip
    assert (chain["title"], chain["by"], len(chain["steps"])) == ("both", "anna", 2)
    told = service.ended(chain["id"])
    first, second = told["steps"]
    assert [step["state"] for step in told["steps"]] == ["done", "done"]
    assert first["frames"] == {"released": 40, "done": 40, "failed": 0, "final": 40}
    assert (first["owner"], second["after"]) == ("anna", [first["id"]])
    assert told["links"] == [{"parent": first["id"], "child": second["id"], "on": "success"}]
    (output,) = first["outputs"]
    assert output["path"] == str(service.data / "sums.npy")
    answer = requests.get(f"{service.url}/{told['id']}/steps/{first['id']}/outputs/0", timeout=PATIENCE)
    assert answer.content == Path(output["path"]).read_bytes()
    assert len(answer.content) == output["size"]
    assert 'filename="sums.npy"' in answer.headers["content-disposition"]
    assert (np.load(output["path"])["sum"] == expected(frames(40))).all()


def test_chains_are_listed_the_latest_first_and_page_by_page(service: Service) -> None:
    ids = [service.post(body=table(service, title=f"t{n}"))["id"] for n in range(3)]
    for one in ids:
        service.ended(one)
    first = service.get(last=2)
    assert [chain["title"] for chain in first["chains"]] == ["t2", "t1"]
    assert first["more"]
    rest = service.get(last=2, before=first["chains"][-1]["id"])
    assert [chain["title"] for chain in rest["chains"]] == ["t0"]
    assert not rest["more"]
    assert service.get(state="active")["chains"] == []
    assert len(service.get(state="ended")["chains"]) == 3


def test_the_same_key_is_the_same_chain(service: Service) -> None:
    first = service.post(body=table(service), key="run/1")
    again = service.post(body=table(service), key="run/1")
    other = service.post(body=table(service), key="run/2")
    assert first["id"] == again["id"] != other["id"]
    assert len(service.get()["chains"]) == 2


def test_failures_are_grouped_and_repaired_and_what_was_skipped_follows(service: Service) -> None:
    marker = service.data / "marker"
    marker.touch()
    bad = {"bad": [3, 14, 25], "marker": str(marker)}
    source = str(service.data / "cell")
    chain = service.post(
        body={
            "chain": [
                {"rule": "fails_where_told", "inputs": {"series": source}, "arguments": {"chunk": 10, "parameters": bad}},
                {"rule": "sums", "inputs": {"series": source}},
            ]
        }
    )  # fmt: skip
    told = service.ended(chain["id"])
    failed, skipped = told["steps"]
    assert (told["state"], failed["state"], skipped["state"]) == ("failed", "failed", "skipped")
    assert [(one["kind"], one["message"], one["given_up"]) for one in failed["errors"]] == [
        ("ValueError", "frame 1 is bad", 2),
        ("ValueError", "frame 0 is bad", 1),
    ]
    assert failed["errors"][0]["frames"] == [[0, 10], [20, 30]]
    chunks = service.get(f"/{told['id']}/steps/{failed['id']}/chunks", state="failed", count=2)
    assert [(one["number"], one["state"], one["error"]) for one in chunks["chunks"]] == [
        (0, "failed", "frame 1 is bad"),
        (1, "failed", "frame 0 is bad"),
    ]
    assert chunks["next"] == 2
    marker.unlink()
    assert service.post(f"/{told['id']}/retry") == {"count": 3}
    assert [step["state"] for step in service.ended(told["id"])["steps"]] == ["done", "done"]


def test_a_chain_is_cancelled_with_all_that_follows_and_its_priority_changed(service: Service) -> None:
    marker = service.data / "marker"
    marker.touch()
    parameters = {"marker": str(marker)}
    inputs = {"series": str(service.data / "cell")}
    held = {"rule": "holds", "inputs": inputs, "arguments": {"parameters": parameters}}
    chain = service.post(body={"chain": [held, table(service)]})
    assert service.post(f"/{chain['id']}/priority", {"priority": 7}) == {"count": 2}
    assert [step["priority"] for step in service.get(f"/{chain['id']}")["steps"]] == [7, 7]
    assert [one["id"] for one in service.get(state="active")["chains"]] == [chain["id"]]
    assert service.post(f"/{chain['id']}/cancel", by="bob") == {"count": 2}
    told = service.ended(chain["id"])
    assert [(step["state"], step["reason"]) for step in told["steps"]] == [
        ("cancelled", "cancelled by bob")
    ] * 2
    assert service.post(f"/{chain['id']}/cancel") == {"count": 0}


def test_a_description_is_checked_without_starting_anything(service: Service) -> None:
    sketch = service.post("/check", {"chain": [table(service), table(service, condition="finish")]})
    assert [step["outputs"][0]["path"] for step in sketch["steps"]] == [str(service.data / "sums.npy")] * 2
    assert sketch["links"] == [{"parent": 0, "child": 1, "on": "finish"}]
    assert service.get()["chains"] == []


def test_what_is_wrong_is_answered_with_a_sentence(service: Service) -> None:
    assert "is no mapping in JSON" in service.refused("POST", "", 400, data=b"nonsense")
    yaml = {"content-type": "application/yaml"}
    assert "line 2" in service.refused("POST", "", 400, data=b"rule: sums\nwhat: 1", headers=yaml)
    assert "1048576 bytes at most" in service.refused("POST", "", 400, data=b" " * (1 << 21))
    assert "nested too deeply" in service.refused("POST", "", 400, data=b'{"a":' * 5000 + b"1" + b"}" * 5000)
    outside = {"rule": "sums", "inputs": {"series": "/etc"}}
    assert "outside of what this service may" in service.refused("POST", "", 400, json=outside)
    assert "no chain of rules 99" in service.refused("GET", "/99", 404)
    assert "no chain of rules" in service.refused("GET", f"/{10**30}", 404)
    assert "no chain of rules 99" in service.refused("POST", "/99/cancel", 404)
    assert "last is a whole number" in service.refused("GET", "?last=-1", 400)
    assert "state is active or ended" in service.refused("GET", "?state=sleeping", 400)
    chain = service.post(body=table(service))["id"]
    service.ended(chain)
    assert "has no step 99" in service.refused("GET", f"/{chain}/steps/99/chunks", 404)
    for what in ("cancel", "retry", "priority"):
        assert "has no step 99" in service.refused(
            "POST", f"/{chain}/{what}?step=99", 404, json={"priority": 1}
        )
    assert "and no number 5" in service.refused("GET", f"/{chain}/steps/{chain}/outputs/5", 404)
    assert "a priority is a number" in service.refused(
        "POST", f"/{chain}/priority", 400, json={"priority": "x"}
    )


def test_a_file_that_became_a_link_to_elsewhere_is_not_handed_out(service: Service, tmp_path: Path) -> None:
    chain = service.post(body=table(service))["id"]
    step = service.ended(chain)["steps"][0]
    secret = tmp_path / "secret"
    secret.write_text("secret")
    written = Path(step["outputs"][0]["path"])
    written.unlink()
    where = f"/{chain}/steps/{step['id']}/outputs/0"
    assert "not there any more" in service.refused("GET", where, 404)
    written.symlink_to(secret)
    assert "outside of what this service may" in service.refused("GET", where, 404)


def test_a_recipe_that_writes_elsewhere_fails_and_writes_nothing(service: Service, tmp_path: Path) -> None:
    np.save(service.data / "image.npy", np.ones((2, 4, 4)))
    recipe = (
        "- processing.Projection: {inputName: input, outputName: flat}\n"
        f"- output.ImageOutput: {{inputName: flat, filePattern: '{tmp_path}/stolen.tif'}}\n"
    )
    chain = service.post(
        body={
            "rule": "RecipeRule",
            "arguments": {"recipe": recipe},
            "inputs": {"input": str(service.data / "*.npy")},
        }
    )
    step = service.ended(chain["id"])["steps"][0]
    assert step["state"] == "failed"
    assert "outside of what this service may" in step["errors"][0]["message"]
    assert not (tmp_path / "stolen.tif").exists()


def test_without_a_folder_in_the_settings_nothing_is_taken(tmp_path: Path) -> None:
    with RuleEngine(tmp_path / "ledger", OnDemand(LocalPool(1))) as engine:
        with HttpServer(rules_app(RulesDesk(engine, RuleTypes(), []))) as server:
            service = Service(server.url, tmp_path)
            body = {"rule": "RecipeRule", "inputs": {"input": "/etc/passwd"}}
            assert "name the folders of the data as rules_below" in service.refused(
                "POST", "", 400, json=body
            )
