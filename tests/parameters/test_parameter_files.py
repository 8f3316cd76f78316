"""Parameter files as people and existing tools write them."""

from __future__ import annotations

import json
import pickle
import sys
import types
from pathlib import Path

import cbor2
import numpy as np
import pytest

from beamloom.parameters import (
    ParameterError,
    Parameters,
    StrParameter,
    encode_value,
    load_parameter_file,
)

EXPECTED = {"roi1": b"[10, 20]", "label": b"iron"}


def written(tmp_path: Path, content: bytes, name: str = "parameters.json") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([{"name": "roi1", "data": "[10, 20]"}, {"name": "label", "data": "iron"}]).encode(),
        json.dumps({"roi1": [10, 20], "label": "iron"}).encode(),
        json.dumps(
            [{"name": "roi1", "data": [10, 20]}, {"name": "label", "data": "aXJvbg==", "encoding": "base64"}]
        ).encode(),
        cbor2.dumps([{"name": "roi1", "data": b"[10, 20]"}, {"name": "label", "data": "iron"}]),
        cbor2.dumps({"roi1": [10, 20], "label": b"iron", "mask": b"\xff"}),
        pickle.dumps([{"name": "roi1", "data": "[10, 20]"}, {"name": "label", "data": b"iron"}]),
        pickle.dumps({"roi1": np.array([10, 20]), "label": "iron"}, protocol=2),
    ],
    ids=[
        "json list",
        "json mapping",
        "json list of values",
        "cbor list",
        "cbor mapping",
        "pickle list",
        "pickle mapping",
    ],
)
def test_every_form_is_read_whatever_the_file_is_called(tmp_path: Path, content: bytes) -> None:
    values = load_parameter_file(written(tmp_path, content, "anything"), allow_pickle=True)
    assert {name: values[name] for name in EXPECTED} == EXPECTED


def test_an_empty_list_has_no_parameters_in_each_format(tmp_path: Path) -> None:
    for content in (b"[]", b"{}", cbor2.dumps([]), pickle.dumps([])):
        assert load_parameter_file(written(tmp_path, content), allow_pickle=True) == {}


def test_values_that_are_not_text_are_kept_as_json(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({"n": 3, "on": True, "none": None, "deep": {"a": [1.5]}}).encode())
    assert load_parameter_file(path) == {"n": b"3", "on": b"true", "none": b"null", "deep": b'{"a": [1.5]}'}


def test_pickled_models_of_existing_payloads_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("dranspose.protocol")

    class WorkParameter:
        def __init__(self, name: str, data: bytes) -> None:
            self.name, self.data = name, data

        def __getstate__(self) -> dict[str, object]:
            return {"__dict__": {"name": self.name, "data": self.data}, "__pydantic_fields_set__": {"name"}}

    WorkParameter.__module__, WorkParameter.__qualname__ = "dranspose.protocol", "WorkParameter"
    module.__dict__["WorkParameter"] = WorkParameter
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "dranspose.protocol", module)
        content = pickle.dumps([WorkParameter("roi1", b"[10, 20]")])
    assert load_parameter_file(written(tmp_path, content), allow_pickle=True) == {"roi1": b"[10, 20]"}


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemError('it ran')",)


def test_a_pickle_is_not_run_unless_allowed(tmp_path: Path) -> None:
    path = written(tmp_path, pickle.dumps(Bomb()))
    with pytest.raises(ParameterError, match="is a pickle, which may run any code"):
        load_parameter_file(path)
    with pytest.raises(ParameterError, match="cannot be unpickled: SystemError: it ran"):
        load_parameter_file(path, allow_pickle=True)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'[{"name": "a",\n "data" "b"}]', r"parameters.json:2: this is not JSON: Expecting ':' delimiter"),
        (b'"text"', "neither a mapping of names to values nor a list"),
        (b'{"name": "a", "data": "b"}', "neither a mapping of names to values nor a list"),
        (b'[{"name": "a"}]', 'entry 0 has no "name" or no "data"'),
        (b'[{"name": "a", "data": "1"}, 5]', 'entry 1 has no "name" or no "data"'),
        (b'[{"name": "a", "data": "1"}, {"name": "a", "data": "2"}]', "parameter 'a' stands in it twice"),
        (b'[{"name": "a", "data": "!", "encoding": "base64"}]', "parameter 'a' are not base64"),
        (b"\xff\xfe\x00", "neither JSON nor CBOR nor a pickle"),
        ('{"units": "µm"}'.encode("latin-1"), "if it is a text, save it in UTF-8"),
        ('{"units": "µm"}'.encode("utf-16"), "if it is a text, save it in UTF-8"),
        (b'{"gain": 1, "gain": 2}', "'gain' stands in it twice; remove one"),
        (b"[" * 100_000, "not JSON that can be read"),
        (b'{"gain": ' + b"9" * 5000 + b"}", "not JSON that can be read"),
    ],
)
def test_a_wrong_file_is_refused_with_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence) as refused:
        load_parameter_file(written(tmp_path, content))
    assert "parameters.json" in str(refused.value)


def test_a_value_that_no_format_holds_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, pickle.dumps({"fit": complex(1, 2)}))
    with pytest.raises(
        ParameterError, match="parameter 'fit': a value of type complex cannot be written as JSON"
    ):
        load_parameter_file(path, allow_pickle=True)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"there is no parameter file .*nothing\.json"):
        load_parameter_file(tmp_path / "nothing.json")
    with pytest.raises(ParameterError, match="cannot be read"):
        load_parameter_file(tmp_path)


def test_text_that_is_no_unicode_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"parameter 'mask_path'.*no Unicode"):
        encode_value("mask_path", "/data/masque_\udce9t\udce9.npy")
    with pytest.raises(ParameterError, match=r"parameter 'sample'.*no Unicode"):
        StrParameter(name="sample").encode("\udce9")
    with pytest.raises(ParameterError, match=r"parameter 'a'.*no Unicode"):
        load_parameter_file(written(tmp_path, b'{"a": "\\ud800"}'))
    with pytest.raises(ParameterError, match=r"name.*no Unicode"):
        load_parameter_file(written(tmp_path, b'{"\\ud800": 1}'))
    with pytest.raises(ParameterError, match=r"name.*no Unicode"):
        Parameters().set("\udce9", b"1")


def test_a_file_that_an_editor_began_with_a_mark_of_its_encoding_is_read(tmp_path: Path) -> None:
    assert load_parameter_file(written(tmp_path, b'\xef\xbb\xbf{"gain": 2}')) == {"gain": b"2"}
