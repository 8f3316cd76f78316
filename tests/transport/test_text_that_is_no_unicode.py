"""Text with what no encoding knows, such as the name of a file from an old disk: it travels, readable, and ends no process."""

from __future__ import annotations

import pytest

from beamloom.analysis import ErrorCapsule
from beamloom.engine.accounts.faults import Failure
from beamloom.transport.messages import AnyMessage, Armed, Failed, LogRecords, Taken, decode, encode

NAME = b"proben/M\xfcnchen.h5".decode("utf-8", "surrogateescape")
SHOWN = "proben/M\\udcfcnchen.h5"


@pytest.mark.parametrize(
    ("message", "read"),
    [
        (Armed("r", NAME), Armed("r", SHOWN)),
        (LogRecords([{"msg": NAME}]), LogRecords([{"msg": SHOWN}])),
        (
            Failed("r", "w@1", 0, 3, Failure("process_event", "ValueError", NAME, NAME), [(3, 4)]),
            Failed("r", "w@1", 0, 3, Failure("process_event", "ValueError", SHOWN, SHOWN), [(3, 4)]),
        ),
    ],
)
def test_a_message_with_such_text_arrives_with_it_escaped(message: AnyMessage, read: AnyMessage) -> None:
    assert decode(encode("w@1", message)) == ("w@1", read)


def test_the_name_of_a_sender_may_be_such_text() -> None:
    message = Taken("r", 1)
    assert decode(encode(NAME, message)) == (SHOWN, message)


def test_an_error_of_user_code_with_such_text_is_the_same_in_all_pipelines() -> None:
    capsule = ErrorCapsule.from_exception("process_event", FileNotFoundError(NAME), 3)
    assert capsule.message == SHOWN
    assert SHOWN in capsule.traceback
