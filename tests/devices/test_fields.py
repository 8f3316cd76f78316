"""Fields of a packet that are not there."""

from __future__ import annotations

import pickle

import pytest

from beamloom.devices import fields
from beamloom.devices.fields import Fields


def test_a_wrong_name_is_answered_with_the_right_one_also_behind_a_pickle() -> None:
    point = Fields(status="running", pseudo={})
    with pytest.raises(AttributeError) as raised:
        _ = point.psuedo
    sentence = "this Fields has no field 'psuedo' (did you mean 'pseudo'?); it has status, pseudo"
    assert str(raised.value) == str(pickle.loads(pickle.dumps(raised.value))) == sentence


def test_who_only_asks_whether_a_field_is_there_pays_for_no_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(wrong: str, known: object) -> str:
        raise AssertionError(f"looked for names like {wrong}")

    monkeypatch.setattr(fields, "did_you_mean", search)
    point = Fields(status="running")
    assert not hasattr(point, "nothing")
    assert getattr(point, "nothing", 7) == 7
