"""A stream that several ingesters share, whatever happens in whatever order: every event ends as with one ingester.

The same runs as in ``test_any_order``, but the packets of one stream come to two or three ingesters, dealt out as hypothesis likes or all
to each. Some of these ingesters die.
"""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import initialize, rule

from beamloom.triggermap import TriggerMap
from engine.mill import GENEROUS, Mill
from engine.test_any_order import DEEP, MAPS, AnyOrder


class SharesInAnyOrder(AnyOrder):
    """One run on the mill, with a stream that is shared."""

    count: int
    in_turn: bool

    @initialize(
        name=st.sampled_from(sorted(MAPS)),
        workers=st.integers(1, 3),
        budget=st.sampled_from([GENEROUS, GENEROUS, 40, 10]),
        count=st.integers(2, 3),
        in_turn=st.booleans(),
        deal=st.lists(st.integers(0, 5), min_size=1, max_size=12),
    )
    def arm(self, name: str, workers: int, budget: int, count: int, in_turn: bool, deal: list[int]) -> None:
        self.count, self.in_turn = count, in_turn
        super().arm(name, workers, budget)
        self.deal, self.turn = deal, 0
        self.mill.deal = self._next_share

    def make_mill(self, trigger_map: TriggerMap, team: dict[str, frozenset[str]], budget: int) -> Mill:
        return Mill(trigger_map, team, budget, shares=self.count, in_turn=self.in_turn)

    def _next_share(self, count: int) -> int:
        self.turn += 1
        return self.deal[self.turn % len(self.deal)] % count

    @rule(data=st.data(), really=st.integers(0, 3), sent_arrives=st.booleans())
    def an_ingester_dies(self, data: st.DataObject, really: int, sent_arrives: bool) -> None:
        names = [name for name in self.mill.routers if really == 0]
        if names:
            name = data.draw(st.sampled_from(sorted(names)))
            stream = self.mill.shared.get(name, name)
            if not self.silent - {stream}:
                self.silent.discard(stream)
                self.dead.add(stream)
                self.mill.ingester_dies(name, "the ingester died", sent_arrives=sent_arrives)


TestSharesInAnyOrder = SharesInAnyOrder.TestCase
TestSharesInAnyOrder.settings = settings(
    max_examples=4000 if DEEP else 80, stateful_step_count=80 if DEEP else 40, deadline=None
)
