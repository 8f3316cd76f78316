"""How the dashboard keeps up with a picture of 2 megapixels that changes twelve times a second, in a Chromium without a graphics card.

A whole pipeline of processes runs on this machine, and the page is opened in Chromium by Playwright, once on the screen of a laptop (the
picture is made smaller by the reducer, to the pixels that the screen has) and once on a sharp one (all of its pixels travel). Counted are
the pictures that the page has drawn, how old they were when they were drawn (the reducer writes the time into each), and the CPU time of
the page's main thread; its longest task is by the clock, and so longer where the machine does other things too.

    python benchmarks/dashboard_images.py [--seconds 10] [--page docs/how-to/view-results.md]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

import requests
from dashboard_analysis import COLUMNS, PERIOD, ROWS, STAMPS
from page import put
from playwright.sync_api import Browser, sync_playwright

from beamloom.pipeline_file import parse_pipeline
from beamloom.placement import LocalPlacement

HERE = Path(__file__).parent
SIZES = {"laptop": (1280, 900, 1), "sharp": (1920, 1200, 2)}
"""Width and height of the window, and pixels of the screen for each of its own."""
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
PIPELINE = {
    "streams": {"clock": {"device": "generator", "kind": "scan", "shape": [10, 10], "rate": 5, "items": 0}},
    "workers": {"class": "dashboard_analysis:Worker", "count": 1},
    "reducer": {"class": "dashboard_analysis:Reducer", "http": "127.0.0.1:0"},
    "controller": {"http": "127.0.0.1:0"},
    "analysis": str(HERE),
}
WATCH = """
(stamps) => {
  const seen = (window.seen = { drawn: [], ages: [], longest: 0, bytes: 0 });
  let stamp;
  const read = Response.prototype.arrayBuffer;
  Response.prototype.arrayBuffer = async function () {
    const body = await read.call(this);
    if (this.url.includes("/shown")) {
      stamp = new DataView(body).getUint16(body.byteLength - 2, true);
      seen.bytes = body.byteLength;
    }
    return body;
  };
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (...given) {
    draw.apply(this, given);
    if (stamp === undefined || !this.canvas.closest(".canvas")) return;
    seen.drawn.push(performance.now());
    seen.ages.push((Date.now() - stamp + stamps) % stamps);
    stamp = undefined;
  };
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) seen.longest = Math.max(seen.longest, one.duration);
  }).observe({ type: "longtask" });
}
"""


def measure(browser: Browser, url: str, size: tuple[int, int, int], seconds: float) -> list[str]:
    """One row of the table."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, device_scale_factor=size[2])
    page = context.new_page()
    page.add_init_script(f"({WATCH})({STAMPS})")
    page.goto(f"{url}/#results?path=picture")
    page.wait_for_function("() => window.seen.drawn.length > 5", timeout=60_000)
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        return float(metrics["TaskDuration"])

    page.evaluate("Object.assign(window.seen, { drawn: [], ages: [], longest: 0 })")
    before, began = busy(), time.perf_counter()
    page.wait_for_timeout(seconds * 1000)
    spent, took = busy() - before, time.perf_counter() - began
    seen: dict[str, Any] = page.evaluate("window.seen")
    context.close()
    count = len(seen["drawn"])
    ages = sorted(seen["ages"])
    return [
        f"{size[0] * size[2]} × {size[1] * size[2]}",
        f"{seen['bytes'] / 1e6:.1f}",
        f"{count / took:.1f}",
        f"{1000 * spent / count:.0f}",
        f"{100 * spent / took:.0f} %",
        f"{seen['longest']:.0f}" if seen["longest"] else "< 50",
        f"{statistics.median(ages):.0f}",
        f"{ages[int(0.95 * (count - 1))]:.0f}",
    ]


def main() -> None:
    """Measure, print, and write the table where a page is named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each size is measured")
    parser.add_argument("--page", type=Path, help="where the table is written")
    arguments = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise SystemExit("this needs Chromium; on Debian and Ubuntu it is the package chromium")
    load = os.getloadavg()[0]
    rows = []
    with (
        LocalPlacement(parse_pipeline(json.dumps(PIPELINE), folder=HERE), quiet=True) as placement,
        sync_playwright() as playwright,
    ):
        placement.wait_ready(30.0)
        url = placement.controller_url
        run = {
            "parts": {"main": {"clock": [[{"constraint": 0}]]}},
            "sequence": [{"part": "main", "repeat": None}],
        }
        requests.post(f"{url}/api/v1/sequence?all_wrap=True", json=run, timeout=10).raise_for_status()
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        for name, size in SIZES.items():
            rows.append([name, *measure(browser, url, size, arguments.seconds)])
        browser.close()
    headings = [
        "screen",
        "pixels",
        "MB each",
        "drawn /s",
        "CPU ms each",
        "of a core",
        "longest ms",
        "age ms",
        "95 % ms",
    ]
    note = (
        f"{ROWS} × {COLUMNS} pixels of 16 bits, published {1 / PERIOD:.0f} times a second, {arguments.seconds:.0f} s each; pipeline and "
        f"Chromium together on {os.cpu_count()} cores, with a load of {load:.1f} besides."
    )
    for row in (headings, *rows):
        print("  ".join(f"{cell:>12}" for cell in row))
    print(note)
    if arguments.page:
        put(arguments.page, "dashboard pictures", headings, rows, note)


if __name__ == "__main__":
    main()
