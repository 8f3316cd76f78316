"""The pictures of the dashboard that pages speak of: made anew by whoever wants them. Those that a page shows are kept beside the scripts.

``python docs/pictures.py NAME ...`` starts a pipeline of real processes with its simulation, as ``docs/pictures/NAME.py`` says, and
writes what Chromium shows of it to out/pictures/, or to docs/pictures/ where a page shows it; without a name all are made. A script
there has one function, ``scenes()``: a context in which the pipeline runs, and that gives the address of its controller and a name for
each picture with what stands behind the # of the dashboard's address.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
SCRIPTS = {path.stem: path for path in sorted((HERE / "pictures").glob("*.py"))}
FOLDER = HERE.parent / "out" / "pictures"
KEPT = HERE / "pictures"
SIZE = {"width": 1280, "height": 800}
SETTLED_MILLISECONDS = 3000
"""After which everything on the page has been drawn."""


def is_shown(picture: str) -> bool:
    """Whether a page shows it."""
    return any(f"pictures/{picture}.png)" in page.read_text(encoding="utf-8") for page in HERE.rglob("*.md"))


def scenes_of(name: str) -> AbstractContextManager[tuple[str, Mapping[str, str]]]:
    """The context that the script ``name`` makes."""
    spec = importlib.util.spec_from_file_location(f"picture_of_{name}", SCRIPTS[name])
    if spec is None or spec.loader is None:
        raise ImportError(f"{SCRIPTS[name]} is no Python file")
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: AbstractContextManager[tuple[str, Mapping[str, str]]] = module.scenes()
    return made


def shoot(name: str) -> None:
    """Write the pictures of ``name``."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with scenes_of(name) as (controller, scenes), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        for picture, place in scenes.items():
            page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
            page.goto(f"{controller}/#{place}")
            page.wait_for_timeout(SETTLED_MILLISECONDS)
            file = (KEPT if is_shown(picture) else FOLDER) / f"{picture}.png"
            page.screenshot(path=file)
            page.close()
            print(file)
        browser.close()


def main(names: list[str]) -> int:
    """Make the pictures; returns the exit code."""
    unknown = [name for name in names if name not in SCRIPTS]
    if unknown:
        known = ", ".join(SCRIPTS)
        print(f"there is no script for {', '.join(unknown)}; known are: {known}", file=sys.stderr)
        return 2
    for name in names or SCRIPTS:
        shoot(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
