"""A test that makes the call of a capsule: it fails as the call did, until the class is mended."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from beamloom.capsules._capsule import Capsule
from beamloom.capsules._shelf import default_name
from beamloom.errors import UsageError
from beamloom.whole_files import write_whole

_TEST = '''\
"""{sentence}"""

from pathlib import Path

from beamloom.capsules import {imports}

HERE = Path(__file__).parent
CAPSULE = HERE / {capsule!r}
ANALYSIS = {analysis}


def test_{hook}_{takes}() -> None:
    {call}
'''


def write_test(
    capsule: Capsule, path: str | Path, target: str | Path | None = None, *, folder: str | Path | None = None
) -> Path:
    """Write a test of the capsule in the file ``path``, which is copied beside it; returns the test's path.

    ``target`` is the file of the test, or a folder for it (default: the working folder); ``folder`` the one that the class is imported
    from. Raises UsageError where there is such a file already.
    """
    path, analysis = Path(path), Path(folder or capsule.analysis_path).absolute()
    target = Path(target) if target is not None else Path.cwd()
    if target.suffix != ".py":
        target = target / f"test_{default_name(path)}.py"
    if target.exists():
        raise UsageError(f"{target} is there already; name another file, or remove it")
    copy = target.with_name(path.name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if copy.absolute() != path.absolute():
            shutil.copyfile(path, copy)
        write_whole(target, _text(capsule, copy, target, analysis).encode())
    except OSError as error:
        raise UsageError(f"the test cannot be written: {error.strerror}: {error.filename}") from error
    return target


def _text(capsule: Capsule, copy: Path, target: Path, analysis: Path) -> str:
    call = (
        "rerun_in_child(CAPSULE, folder=ANALYSIS)"
        if capsule.died
        else "rerun(read_capsule(CAPSULE), folder=ANALYSIS)"
    )
    return _TEST.format(
        sentence=capsule.sentence.splitlines()[0].replace("\\", "\\\\").replace('"', "'")[:150],
        imports="rerun_in_child" if capsule.died else "read_capsule, rerun",
        capsule=copy.name,
        analysis=_beside(target.parent.absolute(), analysis),
        hook=capsule.hook,
        takes="does_not_raise" if capsule.event is None else f"takes_event_{capsule.event}",
        call=call,
    )


def _beside(test: Path, analysis: Path) -> str:
    """The folder of the analysis as seen from the test where both lie in one project, else as it is."""
    common = Path(os.path.commonpath([test, analysis]))
    if common in (test, analysis) or (common / ".git").exists() or (common / "pyproject.toml").exists():
        relative = Path(os.path.relpath(analysis, test)).as_posix()
        return "HERE" if relative == "." else f"HERE / {relative!r}"
    return f"Path({analysis.as_posix()!r})"
