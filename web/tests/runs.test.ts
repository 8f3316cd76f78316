import { describe, expect, it } from "vitest";
import type { Group } from "../src/results/outline";
import { cell, common, difference, drawn, filled, pairs, same } from "../src/runs/numbers";
import { FIRST, limitsOf, nameable, planOf, told } from "../src/runs/plan";
import { figure } from "../src/plots/figure";
import { differences } from "../src/runs/template";
import { changesOf, madeBy, makingOf } from "../src/runs/words";

const STREAMS = ["camera", "stage"];

describe("a plan by a form", () => {
  it("has the chosen streams and so many events", () => {
    expect(planOf(FIRST, STREAMS)).toEqual({ streams: STREAMS, events: 1000 });
    expect(planOf({ ...FIRST, left: ["camera"], events: "1,200" }, STREAMS)).toEqual({ streams: ["stage"], events: 1200 });
    expect(planOf({ ...FIRST, endless: true, kind: "batches", size: "5" }, STREAMS)).toEqual({ streams: STREAMS, size: 5 });
    expect(planOf({ ...FIRST, every: { stage: "10", camera: "1" } }, STREAMS)).toEqual({ streams: STREAMS, events: 1000, every: { stage: 10, camera: 1 } });
    expect(planOf({ ...FIRST, kind: "windows", endless: true, every: { stage: "2" } }, STREAMS)).toEqual({ streams: STREAMS, events: 1000, share: 1 });
    expect(planOf({ ...FIRST, like: "r-1", events: "" }, [])).toEqual({ like: "r-1" });
  });
  it("names a detector in the place of its streams, where all of them are there", () => {
    const ingesters = [{ streams: ["d0", "d1", "stage"] }, { streams: ["m0"] }] as unknown as Parameters<typeof nameable>[0]["ingesters"];
    expect(nameable({ ingesters, detectors: { jungfrau: ["d0", "d1"], moench: ["m0", "m1"] } })).toEqual(["jungfrau", "m0", "stage"]);
  });
  it("has some events for the debug worker where that is wanted", () => {
    expect(planOf({ ...FIRST, debugEvery: "10" }, STREAMS)).toEqual({ streams: STREAMS, events: 1000, debug_every: 10 });
    expect(planOf({ ...FIRST, debugEvery: "10", kind: "windows" }, STREAMS)).toEqual({ streams: STREAMS, events: 1000, share: 1 });
    expect(planOf({ ...FIRST, debugEvery: "x" }, STREAMS)).toContain("for the debug worker");
    expect(told({ streams: STREAMS, events: 9, debug_every: 10 })).toContain("; one in 10 is for the debug worker, too.");
  });
  it("says what is missing", () => {
    const wrong = [
      planOf(FIRST, []),
      planOf({ ...FIRST, left: STREAMS }, STREAMS),
      planOf({ ...FIRST, events: "0" }, STREAMS),
      planOf({ ...FIRST, events: "many" }, STREAMS),
      planOf({ ...FIRST, kind: "batches", size: "" }, STREAMS),
      planOf({ ...FIRST, kind: "windows", share: "0" }, STREAMS),
      planOf({ ...FIRST, every: { stage: "x" } }, STREAMS),
    ];
    expect(wrong.every((one) => typeof one === "string" && one.endsWith("."))).toBe(true);
    expect(new Set(wrong).size).toBe(6);
  });
  it("is told in a sentence", () => {
    expect(told({ streams: STREAMS, events: 1200, size: 5, every: { stage: 10 } })).toBe(
      "1,200 events; 5 in a row go to the same worker; stage has a packet every 10 events. An event for the beginning and one for the end are added.",
    );
    expect(told({ streams: STREAMS, events: 9, share: 2 })).toContain("windows of 3 frames");
    expect(told({ streams: STREAMS })).toContain("Events until it is stopped");
  });
  it("ends early by itself where that is wanted", () => {
    expect(limitsOf(FIRST)).toBe("");
    expect(limitsOf({ ...FIRST, maxFailed: "5%", idle: "30" })).toBe("?max_failed=5%25&on_max_failed=stop&idle_limit=30");
  });
});

describe("a run as a template", () => {
  it("sets what differs, and says of which files only the digest is known", () => {
    const stored = `9 bytes, SHA-256 ${"0".repeat(64)}`;
    const found = differences({ a: 1, b: 2, mask: "", fresh: 1 }, { a: 1, b: 3, mask: stored });
    expect(found.settable).toEqual([{ name: "b", before: 2, after: 3 }]);
    expect(found.lost.map((one) => one.name)).toEqual(["mask"]);
    expect(differences({ a: 1 }, undefined).known).toBe(false);
  });
});

describe("two runs", () => {
  const number = (value: number): Group["children"][string] => ({ attributes: {}, shape: [], dtype: "float64", value });
  const curve = (length: number): Group["children"][string] => ({ attributes: {}, shape: [length], dtype: "float64" });
  const tree = (children: Group["children"]): Group => ({ attributes: {}, children });
  it("have numbers, which differ, and curves, which are drawn together", () => {
    const one = tree({ points: number(5), gone: number(1), trace: curve(3), deep: tree({ x: number(2) }) });
    const other = tree({ points: number(7), trace: curve(4), deep: tree({ x: number(2) }) });
    expect(pairs(one, other)).toEqual([
      { path: "deep/x", first: 2, second: 2 },
      { path: "gone", first: 1, second: undefined },
      { path: "points", first: 5, second: 7 },
    ]);
    expect(drawn(one, other).map((found) => [found.path, found.first.kind])).toEqual([["trace", "curves"]]);
    expect([difference(1e-9, 3e-9, figure), difference(0.1, 0.25, figure)]).toEqual(["+2e-9", "+0.15"]);
    expect([difference(5, 7), difference(7, 5), difference(5, 5), difference(5, undefined)]).toEqual(["+2", "−2", "", ""]);
  });
  it("share an axis where the shorter is the beginning of the longer", () => {
    const [short, long] = [Float64Array.of(0, 1), Float64Array.of(0, 1, 2)];
    expect(common(short, long)).toBe(long);
    expect(common(Float64Array.of(0, 2), long)).toBeUndefined();
    expect(common(undefined, long)).toBeUndefined();
    expect(Array.from(filled(short, 3), Number)).toEqual([0, 1, NaN]);
  });
});

describe("a result that was made again", () => {
  it("says what was changed", () => {
    expect(changesOf({ threshold: 5, ":events": "0:100" })).toBe("threshold 5, events 0:100");
    expect(changesOf(undefined)).toBe("");
  });
  it("says how far it is while it is being made", () => {
    const one = { run: "b", again_of: "70b3ce40-6e3e", changed: { threshold: 5 }, done: 49, total: 200 };
    expect(makingOf(one)).toContain("run 70b3ce40 is being made again with threshold 5: 24 %");
    expect(makingOf({ ...one, changed: {}, total: 0 })).toContain("is being made again: it begins");
  });
});

describe("the code of a run", () => {
  it("says what it is and what it has made", () => {
    const one = { edition: 1, first_event: 1234, classes: ["spectra:Worker"], digest: "2b8a90be114f", code: { commit_hash: "9c1e0c5d77aa-dirty" }, events: "1234-5000" };
    expect(madeBy(one)).toBe("edition 1, spectra:Worker, files 2b8a90be114f, commit 9c1e0c5d-dirty: events 1234-5000");
    expect(madeBy({ ...one, classes: [], digest: "", code: {}, events: "" })).toBe("edition 1: no event yet");
  });
});

describe("single values side by side", () => {
  it("are written as small, as large and as complex as they are", () => {
    expect([1.2e-9, 23568, 2 ** 63, [3, -4], "C-17", true, null, undefined].map(cell)).toEqual(["1.2e-9", "23,568", "about 9.22337e18", "3 − 4i", "C-17", "true", "–", "–"]);
  });
  it("differ where their numbers do", () => {
    expect([same([3, -4], [3, -4]), same(1, 1), same(1, 2), same([3, -4], [3, 4])]).toEqual([true, true, false, false]);
  });
});
