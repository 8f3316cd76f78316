"""``beamloom.connect`` with a pipeline of real processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

import beamloom
from beamloom.triggermap import uniform
from live.pipelines import Bench, Live, running, wait_until
from live.series import pictures, pictures_until, uniform_map
from support.patience import PATIENCE
from support.ports import quiet_address

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    return {"camera": ("stins", f"ipc://{tmp_path_factory.mktemp('camera') / 'camera'}")}


@pytest.fixture(scope="module")
def mapping(address: dict[str, tuple[str, str]]) -> Iterator[Live]:
    streams = {name: {"device": device, "url": url} for name, (device, url) in address.items()}
    with running(
        streams, worker="mapping:Worker", reducer="mapping:Reducer", settings={"arm_timeout": 1.0}
    ) as live:
        yield live


@pytest.fixture
def camera(address: dict[str, tuple[str, str]]) -> Iterator[Bench]:
    with Bench(address) as bench:
        yield bench


@pytest.fixture
def pipeline(mapping: Live) -> Iterator[beamloom.Pipeline]:
    with beamloom.connect(mapping.placement.controller_url) as connected:
        connected.parameters.update(gain=1, fails_at=-1)
        yield connected


def scan(pipeline: beamloom.Pipeline, camera: Bench, events: int = 100) -> str:
    """A whole run."""
    run = pipeline.arm(["camera"], events)
    camera.play("camera", pictures(events))
    pipeline.wait(PATIENCE)
    return run


# ---- results ---------------------------------------------------------------------------------------------------------------


def test_results_are_read_as_arrays_and_dictionaries(pipeline: beamloom.Pipeline, camera: Bench) -> None:
    scan(pipeline, camera)
    expected = np.arange(100.0).reshape(10, 10)
    result = pipeline.result
    assert list(result) == ["map", "curve", "seen", "sample", "finished"]
    assert np.array_equal(result["map"][...], expected)
    assert (result["map"].shape, result["map"].dtype) == ((10, 10), np.dtype(float))
    assert np.array_equal(result["map"][3, 2:8:2], expected[3, 2:8:2])
    assert np.array_equal(result["map"][..., -1], expected[..., -1])
    assert np.array_equal(result["map"][expected > 50], expected[expected > 50])
    assert np.array_equal(np.asarray(result["map"]), expected)
    assert result["map"].attrs["unit"] == "counts"
    assert result["seen"][()] == 100
    assert result["finished"][()] == np.True_
    assert result["sample/name"][()] == "<gold & 'salt'>"
    assert list(result["sample"]["lines"]) == ["Ka", "Kb"]
    assert result["sample"]["odd%2Fname"][1] == 2.5
    assert result["sample"].read()["odd/name"].tolist() == [1.5, 2.5]


def test_a_dictionary_by_position_is_read_as_columns_and_sliced_by_rows(
    pipeline: beamloom.Pipeline, camera: Bench
) -> None:
    scan(pipeline, camera)
    curve = pipeline.result["curve"]
    assert list(curve) == ["key_0", "key_1", "value"]
    rows = curve[10:20]
    order = np.argsort(rows["key_0"])
    assert np.array_equal(rows["key_0"][order], rows["value"][order])
    assert [len(column) for column in rows.values()] == [10, 10, 10]
    assert np.unique(curve["key_1"][...]).tolist() == [0.5]
    assert sorted(curve.read()["value"].tolist()) == list(range(100))
    assert pipeline.result["$.curve.value"].sum() == 4950
    assert [found.tolist() for found in pipeline.result.select("$['curve']['key_1','value']", np.s_[:0])] == [
        [],
        [],
    ]


def test_only_a_slice_travels(mapping: Live, pipeline: beamloom.Pipeline, camera: Bench) -> None:
    scan(pipeline, camera)
    answer = pipeline._results.answer("$['map']", "2:4,5")
    assert len(answer.content) < 200
    assert np.array_equal(pipeline.result["map"][2:4, 5], [25.0, 35.0])


def test_what_is_not_there_is_said_in_the_servers_words(pipeline: beamloom.Pipeline, camera: Bench) -> None:
    scan(pipeline, camera, 3)
    with pytest.raises(KeyError) as missing:
        pipeline.result["mpa"]
    assert isinstance(missing.value, beamloom.NotPublished)
    assert "mpa" in str(missing.value)
    assert not str(missing.value).startswith(("'", '"')), "a sentence, not the repr of a key"
    assert "mpa" not in pipeline.result
    with pytest.raises(beamloom.RequestRefused, match="does not fit") as wrong:
        pipeline.result["map"][1, 2, 3]
    assert wrong.value.status == 400


def test_a_pickle_is_read_only_where_the_reducer_is_trusted(
    mapping: Live, pipeline: beamloom.Pipeline, camera: Bench
) -> None:
    scan(pipeline, camera, 3)
    assert set(pipeline.result["curve"].read()) == {"key_0", "key_1", "value"}
    with beamloom.connect(mapping.placement.controller_url, trust_pickle=True) as trusting:
        assert trusting.result["curve"].read() == {(0.0, 0.5): 0, (1.0, 0.5): 1, (2.0, 0.5): 2}
        assert trusting.result["map"][0, :3].tolist() == [0, 1, 2]


def test_a_reducer_alone_has_results_and_says_what_it_does_not_have(
    mapping: Live, pipeline: beamloom.Pipeline, camera: Bench
) -> None:
    scan(pipeline, camera, 3)
    with beamloom.connect(mapping.placement.reducer_url) as results_only:
        assert results_only.result["seen"][()] == 3
        assert next(results_only.watch("seen", timeout=10)).value == 3
        for ask in (results_only.progress, results_only.stop, lambda: results_only.parameters):
            with pytest.raises(beamloom.NoController, match=r"is a reducer: .* connect to the controller"):
                ask()
        assert "results only" in results_only._repr_html_()


# ---- runs ------------------------------------------------------------------------------------------------------------------


def test_the_results_of_a_run_that_has_ended_are_read_by_its_id(
    pipeline: beamloom.Pipeline, camera: Bench
) -> None:
    first, second = scan(pipeline, camera, 100), scan(pipeline, camera, 50)
    assert [(one.run, one.outcome) for one in pipeline.runs[:2]] == [
        (second, "complete"),
        (first, "complete"),
    ]
    assert pipeline.runs[1].result is not None
    assert httpx.get(f"{pipeline.runs[1].result}/$.seen?format=json").status_code == 200
    seen = {run: int(pipeline.runs[run].result["seen"][()]) for run in (first, second, "last")}
    assert seen[second] == seen["last"] == seen[first] - 50
    assert (pipeline.runs[first].summary.reduced, pipeline.runs[first].stopped) == (102, None)
    coverage = pipeline.runs[first].coverage()
    assert (coverage.run, coverage.complete, coverage.over) == (first, True, True)
    with pytest.raises(beamloom.NotPublished, match="is not held"):
        _ = pipeline.runs["none"].result
    with pytest.raises(beamloom.NotPublished, match="is not held"):
        pipeline.runs["none"].coverage()
    with pytest.raises(beamloom.PipelineError, match="none"):
        _ = pipeline.runs["none"].stopped


def test_runs_are_armed_by_maps_of_any_form(pipeline: beamloom.Pipeline, camera: Bench) -> None:
    part = {"camera": [[{"constraint": i}] for i in range(5)]}
    for what in (uniform(["camera"], 5), uniform_map(["camera"], 5), part):
        run = pipeline.arm(what)
        camera.play("camera", pictures(5))
        end = pipeline.wait(PATIENCE)
        assert (end.run, end.reduced, end.total_events, end.fraction) == (run, 7, 7, 1.0)
    assert pipeline.runs[0].run == run
    assert pipeline.runs[0].finished
    assert str(end) == f"run {run[:8]} finished: 7 of 7 events settled"


def test_an_open_end_is_stopped(pipeline: beamloom.Pipeline, camera: Bench) -> None:
    enough = threading.Event()
    run = pipeline.arm(["camera"])
    camera.play("camera", pictures_until(enough), rate=500)
    next(version for version in pipeline.watch("seen", timeout=20) if version.value > 20)
    assert pipeline.progress().total_events is None
    with pytest.raises(beamloom.TimedOut, match=f"run {run[:8]} running"):
        pipeline.wait(0.2)
    pipeline.stop()
    end = pipeline.wait(PATIENCE)
    enough.set()
    assert end.finished
    assert end.stopped == "asked to stop over HTTP"
    assert not end.aborted


def test_a_run_that_is_given_up_for_another_is_an_abort(pipeline: beamloom.Pipeline, camera: Bench) -> None:
    pipeline.arm(["camera"], 10)
    waiting = threading.Thread(target=lambda: outcome.append(_outcome(pipeline)))
    outcome: list[BaseException | None] = []
    waiting.start()
    again = pipeline.arm(["camera"], 3)
    camera.play("camera", pictures(3))
    waiting.join(20)
    end = pipeline.wait(PATIENCE)
    assert end.run == again
    # The thread may have begun to wait only for the second run.
    assert outcome == [None] or "a new trigger map was armed" in str(outcome[0])
    assert [one.aborted for one in pipeline.runs[:2]] == [False, True]


def _outcome(pipeline: beamloom.Pipeline) -> BaseException | None:
    try:
        pipeline.wait(PATIENCE)
    except beamloom.RunAborted as error:
        return error
    return None


def test_a_map_that_cannot_be_run_is_refused_in_the_controllers_words(pipeline: beamloom.Pipeline) -> None:
    with pytest.raises(beamloom.MapRefused, match="camara") as refused:
        pipeline.arm(["camara"], 5)
    assert refused.value.status == 400
    with pytest.raises(beamloom.MapRefused, match=r"stream 'camera': .* start the device") as absent:
        pipeline.arm(["camera"], 5)
    assert absent.value.status == 424


def test_events_are_told_as_they_settle_and_each_once(pipeline: beamloom.Pipeline, camera: Bench) -> None:
    pipeline.parameters["fails_at"] = 7
    run = pipeline.arm(["camera"], 300)
    camera.play("camera", pictures(300), rate=400)
    news = [one for one in pipeline.events(timeout=20) if one.run == run]
    assert news[-1].finished
    assert len(news) > 3, "they are told while the run goes on"
    reduced = [event for one in news for first, last in one.reduced for event in range(first, last + 1)]
    assert sorted(reduced) == [event for event in range(302) if event != 8]
    (failed,) = [failed for one in news for failed in one.failed]
    assert (failed.events, failed.error, failed.message) == ((8, 8), "ZeroDivisionError", "no light at 7")
    (error,) = pipeline.errors()
    assert (error.events, error.count) == ([8], 1)
    assert "Worker.process_event: ZeroDivisionError: no light at 7" in str(error)
    # Whoever comes later is told the same in one message.
    (late,) = list(pipeline.events(timeout=20))
    assert late.count == 302


def test_coverage_answers_whether_a_result_is_complete(pipeline: beamloom.Pipeline, camera: Bench) -> None:
    run = scan(pipeline, camera, 10)
    whole = pipeline.coverage()
    assert (whole.run, whole.complete, whole.over, whole.reduced) == (run, True, True, [(0, 11)])
    assert str(whole) == "Complete: all 12 events are in the result."
    pipeline.parameters["fails_at"] = 3
    scan(pipeline, camera, 10)
    lacking = pipeline.coverage()
    assert (lacking.complete, lacking.failed, lacking.counts["reduced"]) == (False, [(4, 4)], 11)
    assert "1 failed (4)" in str(lacking)


# ---- parameters ------------------------------------------------------------------------------------------------------------


def test_parameters_are_a_mapping(pipeline: beamloom.Pipeline, camera: Bench) -> None:
    assert set(pipeline.parameters) >= {"gain", "fails_at"}
    assert pipeline.parameters["gain"] == 1
    assert pipeline.parameters.describe("gain")["max"] == 9
    pipeline.parameters["gain"] = 3
    assert pipeline.parameters["gain"] == 3
    pipeline.parameters["dose"] = np.array([1.5, 2.5])
    assert pipeline.parameters["dose"] == [1.5, 2.5]
    scan(pipeline, camera, 5)
    assert pipeline.result["map"][0, :5].tolist() == [0, 3, 6, 9, 12]


def test_a_wrong_value_is_refused_and_changes_nothing(pipeline: beamloom.Pipeline) -> None:
    with pytest.raises(beamloom.ParameterError, match=r"'gain'.*9"):
        pipeline.parameters["gain"] = 10
    with pytest.raises(beamloom.ParameterError, match="'gain'"):
        pipeline.parameters.update(fails_at=3, gain="much")
    assert (pipeline.parameters["gain"], pipeline.parameters["fails_at"]) == (1, -1)
    with pytest.raises(KeyError, match=r"there is no parameter 'gian' \(did you mean 'gain'"):
        pipeline.parameters["gian"]


# ---- following -------------------------------------------------------------------------------------------------------------


def test_watching_gives_new_versions_until_the_run_is_over(
    pipeline: beamloom.Pipeline, camera: Bench
) -> None:
    pipeline.arm(["camera"], 200)
    camera.play("camera", pictures(200), rate=300)
    seen = list(pipeline.watch("$", timeout=20, until_finished=True))
    counts = [version.value["seen"] for version in seen]
    assert counts == sorted(counts)
    assert len(counts) > 5
    assert counts[-1] == 200
    assert seen[-1].value["finished"] is True
    for version in seen:
        assert np.isfinite(version.value["map"]).sum() == min(version.value["seen"], 100)
    assert len({version.number for version in seen}) == len(seen)


def test_watching_what_does_not_change_times_out_and_says_what_is_missing(
    pipeline: beamloom.Pipeline, camera: Bench
) -> None:
    scan(pipeline, camera, 3)
    watching = pipeline.watch("map", timeout=0.5)
    assert next(watching).value[0, 2] == 2
    with pytest.raises(beamloom.TimedOut, match=r"nothing new of map has come for 0\.5 s$"):
        next(watching)
    with pytest.raises(TimeoutError, match="has no 'mpa'"):
        next(pipeline.watch("mpa", timeout=0.5))


def test_a_follower_calls_until_it_is_stopped(pipeline: beamloom.Pipeline, camera: Bench) -> None:
    values: list[int] = []
    pipeline.arm(["camera"], 50)
    with pipeline.follow("seen", lambda version: values.append(int(version.value))):
        camera.play("camera", pictures(50), rate=200)
        wait_until(lambda: values and values[-1] == 50, "the last version")
        pipeline.wait(PATIENCE)
    assert values == sorted(set(values))


def test_what_a_function_raises_ends_the_following(pipeline: beamloom.Pipeline, camera: Bench) -> None:
    scan(pipeline, camera, 3)
    follower = pipeline.follow("seen", lambda version: [][version.number])
    with pytest.raises(IndexError):
        follower.wait(PATIENCE)
    assert not follower.is_running
    with pytest.raises(IndexError):
        follower.stop()


def test_many_threads_may_ask_at_once(pipeline: beamloom.Pipeline, camera: Bench) -> None:
    scan(pipeline, camera)
    sums: list[float] = []

    def read() -> None:
        for _ in range(5):
            sums.append(float(pipeline.result["map"][...].sum()))
            assert pipeline.progress().finished

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == [4950.0] * 40


# ---- what goes away ----------------------------------------------------------------------------------------------------------


def test_a_reducer_that_goes_away_and_comes_back_is_watched_on(address: dict[str, tuple[str, str]]) -> None:
    streams = {name: {"device": device, "url": url} for name, (device, url) in address.items()}
    with (
        running(streams, worker="mapping:Worker", reducer="mapping:Reducer") as live,
        Bench(address) as camera,
    ):
        with beamloom.connect(live.placement.controller_url, timeout=20) as pipeline:
            scan(pipeline, camera, 50)
            watching = pipeline.watch("seen", timeout=30)
            first = next(watching)
            assert first.value == 50
            run = pipeline.arm(["camera"], 10)
            live.placement.kill("reducer")
            wait_until(live.is_ready, "a new reducer")
            camera.play("camera", pictures(10))
            pipeline.wait(PATIENCE)
            assert next(version for version in watching if version.value == 10).run == run
            assert pipeline.result["seen"][()] == 10
            assert run != first.run


def test_nobody_at_the_address_says_what_to_start() -> None:
    begin = time.monotonic()
    with pytest.raises(ConnectionError, match="start one with 'beamloom up PIPELINE_FILE'") as nobody:
        beamloom.connect(quiet_address())
    assert isinstance(nobody.value, beamloom.NotReachable)
    assert nobody.value.__cause__ is None
    assert nobody.value.__suppress_context__, (
        "a notebook shows the tracebacks of other libraries before the sentence"
    )
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    "text", ["", "http://", "ftp://host", "http://host:0", "http://host:port", "http://[::1"]
)
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(beamloom.PipelineError, match="is no address of a pipeline"):
        beamloom.connect(text)


def test_proxies_of_the_environment_are_left_aside_for_this_machine(
    mapping: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{quiet_address()}")
    with beamloom.connect(mapping.placement.controller_url) as pipeline:
        assert pipeline.progress().phase in ("idle", "finished")
        assert isinstance(list(pipeline.result), list)


# ---- looks -------------------------------------------------------------------------------------------------------------------


def test_a_notebook_shows_the_run_the_streams_and_the_results(
    pipeline: beamloom.Pipeline, camera: Bench
) -> None:
    pipeline.parameters["fails_at"] = 1
    run = scan(pipeline, camera, 5)
    page = pipeline._repr_html_()
    for text in (run, "6 reduced", "1 failed", "no light at 1", "camera", "of 7 events"):
        assert text in page
    tree = str(pipeline.result.tree())
    assert pipeline.result["map"].attrs["coverage_complete"] is False
    assert "map: float64 (10, 10)  NX_class=NXdata  unit=counts" in tree
    shown = pipeline.result._repr_html_()
    assert "&lt;gold &amp; &#x27;salt&#x27;&gt;" in shown
    assert "<gold" not in shown
    assert "gain" in pipeline.parameters._repr_html_()
    assert repr(pipeline) == f"<Pipeline at {pipeline.url}>"


def test_a_pipeline_that_is_gone_is_shown_as_a_sentence() -> None:
    from beamloom.client._http import Service
    from beamloom.client._processes import Processes

    service = Service(f"http://{quiet_address()}", "controller", 1.0)
    with beamloom.Pipeline(Processes(service, None, 1.0)) as gone:
        assert "no controller answers at" in gone._repr_html_()
