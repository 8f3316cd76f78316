import { describe, expect, it } from "vitest";
import { culprit, pieces } from "../src/errors/frames";
import { workersAsText } from "../src/errors/group";

const TRACEBACK = `Traceback (most recent call last):
  File "/data/beamloom/scans/showcase.py", line 71, in process_event
    peak = fit(channels)
           ^^^^^^^^^^^^^
  File "/data/beamloom/scans/peaks.py", line 9, in fit
    return curve_fit(shape, counts)
  File "/venv/lib/python3.13/site-packages/scipy/optimize/_minpack.py", line 982, in curve_fit
    raise RuntimeError(
    ...<2 lines>...
    )
  File "/usr/lib/python3.13/contextlib.py", line 85, in inner
    return func()
RuntimeError: Optimal parameters not found:
too many calls

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/data/beamloom/scans/showcase.py", line 73, in process_event
    raise ValueError("no line") from None
ValueError: no line
`;

describe("a traceback", () => {
  it("keeps the calls of the analysis, and folds those of libraries together", () => {
    const found = pieces(TRACEBACK);
    expect(found.map((one) => one.kind)).toEqual(["text", "frame", "frame", "folded", "text", "frame", "text"]);
    expect(found.flatMap((one) => (one.kind === "folded" ? one.frames.map((frame) => frame.function) : []))).toEqual(["curve_fit", "inner"]);
  });
  it("leaves nothing out", () => {
    const text = pieces(TRACEBACK).map((one) => (one.kind === "text" ? one.text : one.kind === "frame" ? one.frame.text : one.frames.map((frame) => frame.text).join("\n")));
    expect(text.join("\n")).toBe(TRACEBACK.trimEnd());
  });
  it("has its cause in the last call of the analysis", () => {
    expect(culprit(TRACEBACK)).toMatchObject({ file: "/data/beamloom/scans/showcase.py", line: 73, function: "process_event", code: 'raise ValueError("no line") from None' });
  });
  it("of a crash begins with the latest call", () => {
    const crash = `Fatal Python error: Segmentation fault

Current thread 0x1 (most recent call first):
  File "/venv/lib/python3.13/site-packages/numpy/_core.py", line 3, in crash
  File "/scans/worker.py", line 12 in process_event
  File "/src/beamloom/services/worker/event_calls.py", line 99 in call
`;
    expect(culprit(crash)?.line).toBe(12);
    expect(pieces(crash).map((one) => one.kind)).toEqual(["text", "folded", "frame", "folded"]);
  });
  it("that is none is shown as it is", () => {
    expect(pieces("killed by signal 9")).toEqual([{ kind: "text", text: "killed by signal 9" }]);
    expect(culprit("")).toBeUndefined();
  });
});

describe("the workers of a failure", () => {
  it("are some of many", () => {
    expect(workersAsText(["worker-1", "worker-2"])).toBe("worker-1, worker-2");
    expect(workersAsText(Array.from({ length: 200 }, (_, number) => `w${number}`))).toBe("w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11 and 188 more");
    expect(workersAsText([])).toBe("–");
  });
});
