"""Who is first of many, kept while their values change."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from beamloom.engine.scheduling.ranking import STALE_KEPT, Ranking
from beamloom.engine.scheduling.workforce import LEAST_CREDIT, Worker, Workforce

GENERIC = frozenset({"generic"})
DEBUG = frozenset({"generic", "debug"})
CREW = 5


@dataclass(eq=False)
class Runner:
    index: int
    place: int | None


def value(runner: Runner) -> int | None:
    return runner.place


def test_the_lowest_is_first_and_of_those_alike_the_one_that_came_first() -> None:
    runners = [Runner(0, 5), Runner(1, 3), Runner(2, 3), Runner(3, None)]
    ranking = Ranking(runners, value)
    assert ranking.first() is runners[1]
    assert ranking.first([runners[1]]) is runners[2]
    assert ranking.first(runners) is None
    assert ranking.first() is runners[1]
    runners[3].place = 1
    ranking.changed(runners[3])
    assert ranking.first() is runners[3]


def test_what_is_out_of_date_does_not_pile_up() -> None:
    runners = [Runner(0, 0), Runner(1, 0)]
    ranking = Ranking(runners, value)
    for place in range(1000):
        runners[1].place = place
        ranking.changed(runners[1])
    assert len(ranking._entries) <= STALE_KEPT * len(runners) + STALE_KEPT
    assert ranking.first() is runners[0]


change = st.tuples(
    st.sampled_from(("lease", "give back", "late", "soon", "suspend", "replace", "careful")),
    st.integers(0, CREW - 1),
    st.integers(1, 6),
)


@given(st.lists(st.tuples(change, st.booleans()), max_size=60))
def test_the_answer_is_that_of_a_look_at_every_worker(
    changes: list[tuple[tuple[str, int, int], bool]],
) -> None:
    team = Workforce()
    names = [f"w{number}" for number in range(CREW)]
    for number, name in enumerate(names):
        team.add(name, DEBUG if number % 2 else GENERIC)
    event, now = 0, 0.0
    for (what, who, count), looks in changes:
        worker = team[names[who]]
        now += 1.0
        match what:
            case "lease":
                worker.lease(0, event, event + count, now)
                event += count
            case "give back":
                worker.give_back(0, (worker.lowest or 0), (worker.lowest or 0) + count)
            case "late":
                worker.pace(event, now + 10, 0.02)
            case "soon":
                worker.pace(event, now, 0.02)
            case "suspend":
                team.suspend(worker.name)
            case "careful":
                worker.careful = (event, 0)
                worker.lease(0, event, event + 1, now)
                event += 1
            case _:
                team.remove(worker.name)
                names[who] = f"{worker.name}'"
                team.add(names[who], worker.tags)
        if looks:
            for tags in (GENERIC, DEBUG):
                _compare(team, tags)


def _compare(team: Workforce, tags: frozenset[str]) -> None:
    suited = team.suited(tags)
    free = [one for one in suited if one.free > 0]
    assert team.freest(tags) is max(free, key=lambda one: one.free, default=None)
    assert team.idlest(tags) is min(suited, key=lambda one: one.outstanding, default=None)
    assert team.roomiest(tags) is max(
        suited, key=lambda one: (one.careful is None, one.credit - one.outstanding), default=None
    )
    taken = dict.fromkeys(suited[:2], 1)
    assert team.freest(tags, taken) is max(
        free, key=lambda one: one.free - 2 * taken.get(one, 0), default=None
    )


def test_a_worker_that_has_the_event_already_is_given_it_again_when_nobody_else_has_room() -> None:
    team = Workforce()
    only = team.add("only", GENERIC)
    only.credit = LEAST_CREDIT
    assert team.freest(GENERIC, {only: 3}) is only
    assert isinstance(only, Worker)
