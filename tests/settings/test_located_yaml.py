"""YAML that remembers its lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamloom.errors import UsageError
from beamloom.located_yaml import FileError, Key, Located, parse_yaml, read_yaml


def test_every_key_and_value_remembers_its_line() -> None:
    root = parse_yaml("a: 1\nb:\n  - x\n  - {c: 2.5}\n", "f.yaml")
    assert root == Located(
        {
            Key("a", 1): Located(1, 1),
            Key("b", 2): Located([Located("x", 3), Located({Key("c", 4): Located(2.5, 4)}, 4)], 3),
        },
        1,
    )
    assert [key.line for key in root.value] == [1, 2]
    assert root.plain() == {"a": 1, "b": ["x", {"c": 2.5}]}


def test_json_is_read_as_yaml() -> None:
    assert parse_yaml('{"a": [1, true, null]}', "f.json").plain() == {"a": [1, True, None]}


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert parse_yaml("# nothing\n", "f.yaml").plain() == {}


def test_merged_keys_give_way_to_those_written_out() -> None:
    text = "base: &base {x: 1, y: 2}\nown: {<<: *base, y: 3}\n"
    assert parse_yaml(text, "f.yaml").plain()["own"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "the key 'a' stands here for the second time (first in line 1)"),
        ("a:\n  b: 1\n  b: 2\n", 3, "the key 'b' stands here for the second time"),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "not valid YAML"),
        ("a: 1\n\tb: 2\n", 2, "not valid YAML"),
        ("a: 1\non: 2\n", 2, "on is not text; keys are words"),
        ("a: &x\n  b: *x\n", 1, "contains itself"),
        ("a: 1\nb: !!python/object/apply:os.system ['true']\n", 2, "not valid YAML"),
        ("a: !!python/name:os.system ''\n", 1, "not valid YAML"),
        ("a: \x00\n", 1, "not valid YAML"),
        ("a: 1\n--- \nb: 1\n", 2, "not valid YAML"),
    ],
)
def test_what_yaml_lets_pass_or_refuses_is_reported_by_line(text: str, line: int, said: str) -> None:
    with pytest.raises(FileError) as refused:
        parse_yaml(text, "f.yaml")
    (problem, *_) = refused.value.problems
    assert problem.line == line
    assert said in problem.text
    assert str(refused.value).startswith(f"f.yaml:{line}: ")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing\.yaml cannot be read"):
        read_yaml(tmp_path / "missing.yaml")
    picture = tmp_path / "picture.yaml"
    picture.write_bytes(b"\x89PNG\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_yaml(picture)
