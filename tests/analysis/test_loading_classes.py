"""From ``module:Class`` to the class, or to a sentence."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamloom.analysis import AnalysisError, AnalysisImportError, AnalysisNotFound, load_class
from beamloom.errors import UsageError, UserError


@pytest.fixture(autouse=True)
def untouched_imports() -> Iterator[None]:
    """Leave the import system as it was."""
    path, modules = list(sys.path), dict(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.modules.update(modules)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return folder


WORKER = "class FluorescenceWorker:\n    place = {!r}\n"


def test_a_class_is_imported_from_the_folder_before_anything_else(tmp_path: Path) -> None:
    written(tmp_path, "worker.py", WORKER.format("here"))
    assert vars(load_class("worker:FluorescenceWorker", tmp_path))["place"] == "here"


def test_the_working_folder_is_where_classes_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "worker.py", WORKER.format("here"))
    monkeypatch.chdir(tmp_path)
    assert load_class("worker:FluorescenceWorker").__name__ == "FluorescenceWorker"


@pytest.mark.parametrize("name", ["worker", "src.worker", "package.sub.worker"])
def test_two_folders_with_modules_of_one_name_do_not_mix(tmp_path: Path, name: str) -> None:
    for place in ("one", "two"):
        written(tmp_path / place, name.replace(".", "/") + ".py", WORKER.format(place))
    classes = [load_class(f"{name}:FluorescenceWorker", tmp_path / place) for place in ("one", "two", "one")]
    assert [vars(cls)["place"] for cls in classes] == ["one", "two", "one"]


def test_changed_code_is_read_again_on_request_even_within_a_second(tmp_path: Path) -> None:
    written(tmp_path, "shared_part.py", "number = 1\n")
    written(tmp_path, "worker.py", "import shared_part\nclass W:\n    number = shared_part.number\n")
    first = load_class("worker:W", tmp_path)
    for number in range(2, 6):
        written(tmp_path, "shared_part.py", f"number = {number}\n")
        assert vars(load_class("worker:W", tmp_path, reload=True))["number"] == number
    assert load_class("worker:W", tmp_path) is not first


def test_reloading_spares_what_is_installed_and_what_is_running(tmp_path: Path) -> None:
    import beamloom.events

    for home in (Path(beamloom.events.__file__).parents[2], Path(pytest.__file__).parents[2]):
        load_class("beamloom.events:Event", home, reload=True)
    assert sys.modules["beamloom.events"] is beamloom.events
    assert sys.modules["pytest"] is pytest


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("worker.FluorescenceWorker", "has a dot where the colon belongs: write 'worker:FluorescenceWorker'"),
        ("src.worker.FluorescenceWorker", "write 'src.worker:FluorescenceWorker'"),
        ("worker", "'worker' does not name a class: write 'module:Class'"),
        ("", "does not name a class"),
        ("worker:", "does not name a class"),
        (":Worker", "does not name a class"),
        ("worker:Fluorescence-Worker", "does not name a class"),
        (
            "src/worker.py:FluorescenceWorker",
            "is a file and not a module: write 'src.worker:FluorescenceWorker'",
        ),
        ("./worker.py:W", "write 'worker:W'"),
        (
            "wroker:FluorescenceWorker",
            "there is no module 'wroker' for 'wroker:FluorescenceWorker' (did you mean 'worker'?)",
        ),
        ("worker.sub:FluorescenceWorker", "there is no module 'worker.sub'"),
        (
            "worker:FluorescenceWroker",
            "has no class 'FluorescenceWroker' (did you mean 'FluorescenceWorker'?)",
        ),
        ("worker:sum_up", "worker:sum_up is a function and not a class"),
        ("empty:Worker", "it defines no class"),
    ],
)
def test_a_reference_that_leads_nowhere_is_a_sentence(tmp_path: Path, reference: str, sentence: str) -> None:
    written(tmp_path, "worker.py", WORKER.format("here") + "def sum_up(): ...\n")
    written(tmp_path, "empty.py", "")
    with pytest.raises(AnalysisNotFound) as refused:
        load_class(reference, tmp_path)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_was_searched_is_told(tmp_path: Path) -> None:
    with pytest.raises(AnalysisNotFound, match=f"searched were {tmp_path} and what is installed"):
        load_class("nowhere:Worker", tmp_path)
    with pytest.raises(AnalysisNotFound, match="there is no folder"):
        load_class("worker:Worker", tmp_path / "missing")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import fabio_of_nobody\n", "it needs the module 'fabio_of_nobody', which is not installed"),
        ("class W(:\n", "SyntaxError: invalid syntax"),
        ("scale = 1 / 0\n", "ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("from math import no_such_thing\n", "ImportError: cannot import name 'no_such_thing'"),
    ],
)
def test_a_module_that_fails_is_told_with_its_traceback(tmp_path: Path, text: str, reason: str) -> None:
    written(tmp_path, "worker.py", text)
    with pytest.raises(AnalysisImportError) as refused:
        load_class("worker:W", tmp_path)
    message = str(refused.value)
    first, _, shown = message.partition("\n")
    assert first.startswith(f"module 'worker' cannot be imported: {reason}")
    assert f'File "{tmp_path / "worker.py"}", line {text.count(chr(10))}' in shown
    assert "importlib" not in shown
    assert "_loading.py" not in shown


def test_errors_are_of_the_kind_that_the_command_line_shows_in_one_line() -> None:
    assert issubclass(AnalysisError, UserError)
    assert issubclass(AnalysisNotFound, UsageError)
    assert issubclass(AnalysisImportError, ImportError)
    assert (AnalysisNotFound.exit_status, AnalysisImportError.exit_status) == (2, 1)


def test_a_folder_that_only_has_the_name_of_an_installed_package_takes_nothing_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "site", "fluo_lines/__init__.py", "")
    written(tmp_path / "site", "fluo_lines/model.py", "class Spectrum: ...\n")
    for part in ("worker", "reducer"):
        text = f"from fluo_lines.model import Spectrum\nclass {part.title()}:\n    made = Spectrum\n"
        written(tmp_path / "site", f"fluo_lines/{part}.py", text)
    written(
        tmp_path / "home", "fluo_lines/README.md", "the repository, with its package in src or installed\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    worker = load_class("fluo_lines.worker:Worker", tmp_path / "home")
    reducer = load_class("fluo_lines.reducer:Reducer", tmp_path / "home")
    assert vars(worker)["made"] is vars(reducer)["made"]


def test_changed_code_is_read_again_where_compiled_files_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    first = load_class("one_part:W", written(tmp_path, "one_part.py", "class W:\n    number = 1\n"))
    # Root may remove all files, but not a folder in this way.
    Path(importlib.util.cache_from_source(str(tmp_path / "one_part.py"))).mkdir(parents=True)
    written(tmp_path, "one_part.py", "class W:\n    number = 22\n")
    again = load_class("one_part:W", tmp_path, reload=True)
    assert (vars(first)["number"], vars(again)["number"]) == (1, 22)


def test_a_module_with_the_name_of_a_part_of_python_gets_another_one(tmp_path: Path) -> None:
    written(tmp_path, "time.py", WORKER.format("here"))
    with pytest.raises(AnalysisNotFound, match=r"'time' has no class .*part of Python itself.*another name"):
        load_class("time:FluorescenceWorker", tmp_path)


def test_a_folder_that_is_taken_for_a_module_names_what_is_in_it(tmp_path: Path) -> None:
    written(tmp_path, "fluo/worker.py", WORKER.format("here"))
    with pytest.raises(
        AnalysisNotFound, match=r"the folder .*fluo, without an __init__\.py; .*'fluo\.worker:"
    ):
        load_class("fluo:FluorescenceWorker", tmp_path)


def test_an_error_at_import_whose_text_fails_is_named_by_its_type(tmp_path: Path) -> None:
    written(
        tmp_path,
        "bad_text.py",
        "class Broken(Exception):\n    def __str__(self): raise ValueError\nraise Broken()\n",
    )
    with pytest.raises(AnalysisImportError, match=r"Broken: .*cannot be shown"):
        load_class("bad_text:W", tmp_path)
