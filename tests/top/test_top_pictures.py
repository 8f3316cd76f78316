"""Pictures of ``beamloom top``: a function of the moment, the view, the size and the kind of terminal."""

from __future__ import annotations

import re
import string

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamloom.top.history import History, Moment
from beamloom.top.look import Flow, Load, Stream, StreamFlow
from beamloom.top.page import picture, whole
from beamloom.top.paper import Paper, Share, Span, bar, fitted, padded, width
from beamloom.top.terminal import keys_of
from beamloom.top.view import SORTS, Page, View, after
from beamloom.top.words import Tone, health, in_result, percent, rate
from top.moments import ADDRESS, NOTE, NOW, STALL, a_failure, a_flow, a_look, a_moment

BARE = Paper(styled=False)
SGR = re.compile(r"\x1b\[[0-9;]*m")
SIZES = [(80, 24), (160, 50), (40, 12), (20, 5), (300, 100), (1, 1)]


def lines(moment: Moment, view: View | None = None, size: tuple[int, int] = (80, 24)) -> list[str]:
    return picture(moment, view or View(), *size, BARE).lines


def text(moment: Moment, view: View | None = None, size: tuple[int, int] = (120, 60)) -> str:
    return "\n".join(lines(moment, view, size))


MOMENTS = {
    "before the first answer": Moment(ADDRESS, NOW),
    "away": Moment(ADDRESS, NOW, away="no controller answers at http://127.0.0.1:5000", away_since=NOW - 12),
    "no run": a_moment(a_look(0, run=None, phase="idle", total_events=0, pending=0)),
    "well": a_moment(),
    "well again": a_moment(a_look(findings=(NOTE,))),
    "open end": a_moment(a_look(total_events=None, pending=None)),
    "in trouble": a_moment(a_look(failed=2, lost=1, findings=(STALL,), workers=40)),
    "in detail": a_moment(msgspec.structs.replace(a_look(failed=2), failures=[a_failure()])),
}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("page", Page)
@pytest.mark.parametrize("name", MOMENTS)
def test_a_picture_fills_the_terminal_and_no_more(name: str, page: Page, size: tuple[int, int]) -> None:
    drawn = picture(MOMENTS[name], View(page=page, first=7), *size, Paper()).lines
    assert len(drawn) == size[1]
    assert max(width(SGR.sub("", line)) for line in drawn) <= size[0]


@given(st.text(max_size=60), st.integers(1, 40), st.sampled_from([Paper(), BARE, Paper(ascii_only=True)]))
@settings(max_examples=60)
def test_whatever_others_say_stays_within_its_line(said: str, columns: int, paper: Paper) -> None:
    drawn = SGR.sub("", paper.drawn([Span(said), " behind it"], columns))
    assert width(drawn) <= columns
    assert drawn.isprintable()
    if paper.ascii_only:
        assert drawn.isascii()


@given(st.lists(st.floats(0, 1e6), max_size=8), st.integers(1, 60))
@settings(max_examples=60)
def test_a_bar_is_as_wide_as_it_was_asked_for(sizes: list[float], columns: int) -> None:
    drawn = bar([Share(size, "#") for size in sizes], sum(sizes), columns)
    assert width("".join(span.text for span in drawn)) == columns


def test_wide_characters_take_two_cells_and_are_never_cut_in_two() -> None:
    assert (width("日本"), fitted("日本", 3), padded("日本", 3)) == (4, "日", "日…")
    assert padded("7", 3, right=True) == "  7"


def test_a_terminal_without_colour_or_utf8_gets_none() -> None:
    moment = MOMENTS["in trouble"]
    drawn = "".join(picture(moment, View(), 80, 24, Paper(coloured=False)).lines)
    assert set(re.findall(r"\x1b\[(\d+)m", drawn)) <= {"0", "1", "2", "7"}
    plain = "".join(picture(moment, View(), 80, 24, Paper(ascii_only=True, styled=False)).lines)
    assert set(plain) <= set(string.printable)
    assert "?" not in plain.replace("? help", "").replace("[", "").split("run 3f2a9c1b")[0]


@pytest.mark.parametrize(
    ("environment", "encoding", "coloured", "ascii_only", "styled"),
    [
        ({"LANG": "de_DE.UTF-8"}, "utf-8", True, False, True),
        ({}, "utf-8", True, False, True),
        ({"LANG": "de_DE.UTF-8", "NO_COLOR": "1"}, "utf-8", False, False, True),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, "utf-8", True, True, True),
        ({"LANG": "de_DE.UTF-8"}, "ascii", True, True, True),
        ({"LANG": "de_DE.UTF-8", "TERM": "dumb"}, "utf-8", True, False, False),
    ],
)
def test_the_environment_says_what_the_terminal_can_show(
    environment: dict[str, str], encoding: str, coloured: bool, ascii_only: bool, styled: bool
) -> None:
    assert Paper.of(environment, encoding) == Paper(coloured, ascii_only, styled)


def test_the_run_is_told_in_numbers_with_units() -> None:
    shown = text(a_moment())
    assert "1,201 of 5,000 events (24 %), 1 min 35 s left" in shown
    assert re.search(
        r"in 40.0/s +out 39.5/s +newest result took 6.3 ms +in the result 100 % +failed 0", shown
    )
    assert re.search(r"camera +1,213 +40.0 +256 × 256 uint16 +20 % +receiving; 1 missing", shown)
    assert re.search(r"stage +1,210 +40.0 +x, y +20 % +receiving$", shown, re.MULTILINE)
    assert re.search(r"worker-2 +worker +600 +20.0 +10 %", shown)


def test_what_is_not_known_yet_is_a_dash() -> None:
    look = msgspec.structs.replace(
        a_look(0), flow=Flow(streams={"camera": StreamFlow("receiving")}), load={}, streams={}
    )
    shown = text(Moment(ADDRESS, NOW, look))
    assert re.search(r"in –/s +out –/s +newest result took – +in the result –", shown)
    assert " left" not in shown
    assert re.search(r"camera +– +– +– +– +receiving", shown)
    assert re.search(r"worker-2 +worker +0 +20.0 +– +–", shown)
    assert rate(None) == "–"


def test_not_quite_all_is_never_told_as_all() -> None:
    assert in_result(a_look(100_000, failed=1).progress) == "99.9 %"
    assert in_result(a_look(100).progress) == "100 %"
    assert percent(0.9999) == "99 %"


def test_a_run_without_end_has_no_time_left_and_no_share() -> None:
    shown = text(MOMENTS["open end"])
    assert "1,201 events, open end" in shown
    assert " left" not in shown
    assert "%)" not in shown
    assert "[" not in shown.splitlines()[2]
    assert "pending –" in shown


def test_failures_stand_above_what_may_be_long_and_are_counted() -> None:
    shown = lines(MOMENTS["in trouble"])
    place = next(n for n, line in enumerate(shown) if "ZeroDivisionError" in line)
    assert place < 12
    assert "2 × Worker.process_event, events 3, 7" in shown[place]
    assert "1 lost 12: the packet of camera was missing" in shown[place + 1]


def test_failures_in_detail_have_their_traceback_and_what_to_do() -> None:
    shown = text(MOMENTS["in detail"], View(page=Page.ERRORS))
    assert "2 times: Worker.process_event: ZeroDivisionError: division by zero" in shown
    assert "events 3, 7; met by worker-1, worker-2" in shown
    assert 'File "worker.py", line 17, in process_event' in shown
    assert "Mend the line that the traceback ends with." in shown
    none = a_moment(msgspec.structs.replace(a_look(), failures=[]))
    assert "Nothing has failed" in text(none, View(page=Page.ERRORS))


@pytest.mark.parametrize(
    ("flow", "stream", "said"),
    [
        (a_flow("silent"), Stream(stalled=True, silent_since=NOW - 75), "stalled for 1 min 15 s"),
        (a_flow("silent", seconds_since_last=3.0), Stream(), "silent for 3.0 s"),
        (a_flow("disconnected", why="nobody listens there"), None, "not connected: nobody listens there"),
        (a_flow("complete", why="its end has come"), Stream(late=2), "all packets are here; 2 late"),
        (a_flow("yet another"), None, "yet another"),
    ],
)
def test_a_stream_says_how_it_is(flow: StreamFlow, stream: Stream | None, said: str) -> None:
    streams = {} if stream is None else {"stage": stream}
    look = msgspec.structs.replace(a_look(), flow=Flow(streams={"stage": flow}), streams=streams)
    assert re.search(rf"^ stage .*  {said}$", text(a_moment(look)), re.MULTILINE)


def test_workers_alone_have_room_for_memory_and_what_they_wait_for() -> None:
    shown = text(a_moment(), View(page=Page.WORKERS), (140, 30))
    assert re.search(r"worker-1 +600 +20.0 +5 % +120 MB of 500 MB +beamline7:101 +lease +", shown)
    assert "camera-ingester" not in shown


@pytest.mark.parametrize(
    ("name", "tone", "sentence"),
    [
        ("well", Tone.GOOD, "All is well."),
        ("no run", Tone.IDLE, "Ready: no run has been armed yet."),
        ("in trouble", Tone.TROUBLE, "Stream 'stage' is stalled"),
        ("in detail", Tone.WARNING, "2 events of this run are not in the result."),
        ("well again", Tone.GOOD, "All is well."),
        ("before the first answer", Tone.UNKNOWN, "Asking the controller"),
        ("away", Tone.UNKNOWN, "No answer for 12 s: No controller answers at"),
    ],
)
def test_well_is_said_only_when_it_is_true(name: str, tone: Tone, sentence: str) -> None:
    said = health(MOMENTS[name])
    assert (said.tone, said.text[: len(sentence)]) == (tone, sentence)


def test_what_is_over_is_noted_and_no_warning() -> None:
    assert "Worker-2 was gone and is back." in text(MOMENTS["well again"])
    both = a_moment(a_look(findings=(NOTE, STALL)))
    assert health(both).text.startswith("Stream 'stage' is stalled")
    assert "more" not in health(both).text


def test_what_is_shown_of_a_controller_that_is_away_is_how_things_were() -> None:
    moment = a_moment(away="the controller at x broke off", away_since=NOW - 3)
    assert "What is shown is how things were." in " ".join(text(moment).split())
    assert " left" not in text(moment)
    assert "worker-2" in text(moment)


def test_processes_are_sorted_as_was_asked_and_worker_10_comes_after_worker_9() -> None:
    moment = a_moment(a_look(workers=12))

    def order(sort: str) -> list[str]:
        return re.findall(r"^ (worker-\d+)", text(moment, View(page=Page.WORKERS, sort=sort)), re.MULTILINE)

    assert order("name")[8:] == ["worker-9", "worker-10", "worker-11", "worker-12"]
    assert order("busy")[0] == "worker-12"
    assert sorted(order("events")) == sorted(order("name"))


def test_a_long_page_is_scrolled_to_its_end_and_no_further() -> None:
    moment = a_moment(a_look(workers=60))
    drawn = picture(moment, View(page=Page.WORKERS, first=1 << 30), 80, 24, BARE)
    assert "worker-60" in "".join(drawn.lines)
    assert drawn.lines[-1].rstrip().endswith("↑↓")
    up = picture(moment, after(View(page=Page.WORKERS, first=drawn.first), "up", drawn.rows), 80, 24, BARE)
    assert up.first == drawn.first - 1


def test_all_of_it_is_printed_where_there_is_no_screen() -> None:
    shown = whole(a_moment(a_look(workers=60)), 80, BARE)
    assert "worker-60" in shown
    assert "\x1b" not in shown
    assert max(map(width, shown.splitlines())) <= 80


# ---- rates ------------------------------------------------------------------------------------------------------------------


def test_the_pace_begins_anew_with_a_run_and_forgets_what_is_long_ago() -> None:
    history = History(window=10)
    assert history.add(a_look(100, at=0)) is None
    assert history.add(a_look(200, at=10)) == 10
    assert history.add(a_look(1200, at=20)) == 100
    assert history.add(a_look(5, at=21, run="another")) is None


def test_shares_of_time_add_up() -> None:
    look = a_look()
    assert sum(look.load["worker-2"].shares.values()) == pytest.approx(1)
    assert look.load["worker-2"].shares["user"] == pytest.approx(0.05)
    assert Load().shares == {}


# ---- keys -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        (b"q", ["q"]),
        (b"\x1b[A\x1b[Bw", ["up", "down", "w"]),
        (b"\x1bOA\x1b[5~\x1b[6~\x1b[H\x1b[F", ["up", "page-up", "page-down", "home", "end"]),
        (b"\x1b", ["esc"]),
        (b"\x1b[200~", []),
        (b"\x1b[1;5", []),
        ("é?".encode(), ["é", "?"]),
        (b"\xff\x00", []),
    ],
)
def test_keys_are_told_from_sequences(sent: bytes, keys: list[str]) -> None:
    assert keys_of(sent) == keys


@given(st.binary(max_size=30))
@settings(max_examples=80)
def test_any_bytes_are_keys_or_nothing(sent: bytes) -> None:
    view = View()
    for key in keys_of(sent):
        view = after(view, key, 10)
    assert view.first >= 0


def test_keys_change_the_view_and_lead_back() -> None:
    view = after(View(first=4), "w", 10)
    assert (view.page, view.first) == (Page.WORKERS, 0)
    assert after(view, "w", 10).page is Page.ALL
    assert after(after(view, "e", 10), "esc", 10).page is Page.ALL
    sorts = [view.sort]
    for _ in SORTS:
        view = after(view, "s", 10)
        sorts.append(view.sort)
    assert sorts == [*SORTS, SORTS[0]]
    assert after(View(first=3), "page-down", 10).first == 12
    assert after(View(first=3), "page-up", 10).first == 0
    assert after(View(), "q", 10).over
