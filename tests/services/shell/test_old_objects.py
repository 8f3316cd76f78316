"""The garbage collector leaves alone what a service has made before it serves, and nothing else."""

from __future__ import annotations

import gc
import weakref

from beamloom.services.shell.old_objects import old_objects_left_alone


class Circle:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.itself = self


def test_what_was_there_before_is_not_looked_through_until_the_end() -> None:
    gc.collect()
    before = Circle()
    seen = weakref.ref(before)
    with old_objects_left_alone():
        assert gc.get_freeze_count() > 0
        del before
        gc.collect()
        assert seen() is not None
    gc.collect()
    assert seen() is None
    assert gc.get_freeze_count() == 0


def test_what_is_made_while_it_serves_is_found_as_before() -> None:
    with old_objects_left_alone():
        made = Circle()
        seen = weakref.ref(made)
        del made
        gc.collect()
        assert seen() is None
