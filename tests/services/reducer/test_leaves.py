"""What a leaf tells its reducer without a word, in memory that both share."""

from __future__ import annotations

from pathlib import Path

from beamloom.engine.accounts.faults import Failure
from beamloom.services.reducer.last_words import NOBODY, Deaths
from beamloom.services.reducer.leaves.leaf import LeafWords


def test_the_reducer_sees_at_which_result_a_leaf_is(tmp_path: Path) -> None:
    seen, noted = LeafWords(tmp_path / "1.words"), LeafWords(tmp_path / "1.words")
    assert seen.delivery is None
    work = noted.at_work(2)
    work[0] = 17
    assert seen.delivery == (2, 17)
    work[0] = NOBODY
    assert seen.delivery is None


def test_a_leaf_sets_aside_what_it_is_told(tmp_path: Path) -> None:
    words = LeafWords(tmp_path / "1.words")
    words.set_aside_all([(0, 5, Deaths(3)), (1, 6, Deaths(3))])
    assert list(words.deadly(0, 0, 10)) == [5]
    assert isinstance(words.deadly(1, 6, 7)[6].failure(6), Failure)
    words.set_aside_all([])
    assert not words.set_aside
