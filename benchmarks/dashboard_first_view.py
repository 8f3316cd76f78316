"""How soon the dashboard shows something: from the address to the sentence on top and the streams, in a browser that knows nothing yet.

    python benchmarks/dashboard_first_view.py [--rounds 9] [--page docs/how-to/watch-a-run.md]

A whole pipeline of processes runs on this machine, the showcase, in the middle of a run. What is measured is by the clock, so the machine
should be quiet.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import time
from pathlib import Path

import requests
from dashboard_images import OPTIONS
from page import put
from playwright.sync_api import Browser, sync_playwright

from beamloom.pipeline_file import parse_pipeline
from beamloom.placement import LocalPlacement

SHOWCASE = Path(__file__).parents[1] / "examples/showcase"
STREAMS = ("camera", "spectrometer", "stage")
SEEN = "() => document.body.innerText.includes('All is well') && document.body.innerText.includes('spectrometer')"


def first_view(browser: Browser, url: str) -> float:
    """Seconds until the page says how things are."""
    context = browser.new_context()
    page = context.new_page()
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_function(SEEN, timeout=30_000, polling="raf")
    took = time.perf_counter() - began
    context.close()
    return took


def main() -> None:
    """Measure, print, and write the figure where a page is named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--page", type=Path, help="where the figure is written")
    arguments = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise SystemExit("this needs Chromium; on Debian and Ubuntu it is the package chromium")
    load = os.getloadavg()[0]
    pipeline = parse_pipeline((SHOWCASE / "pipeline.yaml").read_text(), folder=SHOWCASE)
    with LocalPlacement(pipeline, quiet=True) as placement, sync_playwright() as playwright:
        placement.wait_ready(30.0)
        url = placement.controller_url
        part = {stream: [[{"constraint": 0}]] for stream in STREAMS}
        run = {"parts": {"main": part}, "sequence": [{"part": "main", "repeat": None}]}
        requests.post(f"{url}/api/v1/sequence", json=run, timeout=10).raise_for_status()
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        first_view(browser, url)
        seconds = [first_view(browser, url) for _ in range(arguments.rounds)]
        browser.close()
    row = [f"{1000 * statistics.median(seconds):.0f}", f"{1000 * max(seconds):.0f}"]
    note = (
        f"{arguments.rounds} times, on loopback, load {load:.1f} before; `python benchmarks/dashboard_first_view.py --page "
        "docs/how-to/watch-a-run.md`."
    )
    print(f"first view: median {row[0]} ms, worst {row[1]} ms; load {load:.1f}")
    if arguments.page is not None:
        put(arguments.page, "first view", ["first view, median ms", "worst ms"], [row], note)


if __name__ == "__main__":
    main()
