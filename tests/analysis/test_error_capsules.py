"""An exception of the user's code as it travels."""

from __future__ import annotations

import msgspec
import pytest

from beamloom.analysis import ErrorCapsule, WorkerAnalysis
from beamloom.events import Event
from beamloom.parameters import ParameterSet


class Failing:
    def process_event(self, event: Event, parameters: ParameterSet) -> None:
        self.fit(event.event_number)

    def fit(self, number: int) -> None:
        try:
            dict[str, int]()["spectrum"]
        except KeyError as error:
            raise ValueError(f"no fit for {number}") from error


def capsule() -> ErrorCapsule:
    analysis = WorkerAnalysis(Failing)
    analysis.start(ParameterSet(), {})
    try:
        analysis.process_event(Event(7, {}), ParameterSet(), False)
    except ValueError as error:
        return ErrorCapsule.from_exception(analysis.where("process_event"), error, 7)
    raise AssertionError


def test_a_capsule_says_where_and_at_which_event() -> None:
    assert str(capsule()) == "Failing.process_event failed at event 7: ValueError: no fit for 7"
    assert "at event" not in str(ErrorCapsule.from_exception("Failing.finish", ValueError("x")))


def test_a_capsule_survives_the_wire() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(capsule()), type=ErrorCapsule) == capsule()


def test_the_traceback_begins_with_the_code_of_the_user_and_keeps_the_cause() -> None:
    text = capsule().traceback
    assert "KeyError: 'spectrum'" in text
    assert text.index("KeyError: 'spectrum'") < text.index("in fit") or "direct cause" in text
    assert "self.fit(event.event_number)" in text
    assert text.rstrip().endswith("ValueError: no fit for 7")


def test_frames_of_beamloom_before_the_code_of_the_user_are_left_out() -> None:
    class Unpacking:
        def process_event(self, *, event: Event) -> object:
            return event.streams["camera"]

    analysis = WorkerAnalysis(Unpacking)
    analysis.start(ParameterSet(), {})
    with pytest.raises(KeyError) as caught:
        analysis.process_event(Event(0, {}), ParameterSet(), False)
    caught.value.__traceback__ = caught.value.__traceback__ and caught.value.__traceback__.tb_next
    text = ErrorCapsule.from_exception("Unpacking.process_event", caught.value, 0).traceback
    assert "_hooks.py" not in text
    assert text.splitlines()[1].startswith(f'  File "{__file__}"')


def test_an_error_with_a_whole_array_in_its_text_is_shortened() -> None:
    shortened = ErrorCapsule.from_exception(
        "W.process_event", ValueError("begin " + "9" * 1_000_000 + " end")
    )
    assert len(shortened.message) < 3_000
    assert len(shortened.traceback) < 30_000
    assert shortened.message.startswith("begin")
    assert shortened.message.endswith("end")


def test_an_error_without_a_text_is_still_told() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    told = ErrorCapsule.from_exception("W.process_event", Silent())
    assert told.error_type.endswith("Silent")
    assert told.message == "(its text cannot be shown: RuntimeError)"
