import { describe, expect, it } from "vitest";
import { holdersOf, sharedOf, type RunWeave } from "../src/weave/answer";
import { pathOf } from "../src/weave/asking";
import { paints, shortOf } from "../src/weave/paint";
import { since } from "../src/weave/story";
import { eventAt, moved, mostCount, showing, ticks, usualCount, within, zoomed } from "../src/weave/window";
import { describe as told, halves, listed, summary } from "../src/weave/words";

const STAGES = ["pending", "waiting", "leased", "orphaned", "reduced", "failed", "quarantined", "lost", "dropped"];
const PACKETS = ["none", "unwanted", "come", "absent", "missing"];

/** Nine events from 10 on, one in each stage. */
const SEEN: RunWeave = {
  run: "r", at: 0, over: false, total_events: 1000, assigned_until: 19, settled_until: 10, first: 10, stop: 19,
  stage_names: STAGES, stages: STAGES.map((_, number) => number),
  workers: [{ name: "worker-1", id: "worker-1@a", gone: null }, { name: "worker-2", id: "worker-2@b", gone: "killed" }],
  worker: [-1, 0, 0, 1, 0, 1, 1, -1, -1], attempt: [0, 1, 1, 1, 2, 1, 2, 0, 0],
  reasons: ["ValueError: wrong", "stream 'camera' skipped frame numbers"], reason: [-1, -1, -1, -1, -1, 0, 0, 1, 1],
  deliveries: { event: [12, 12], worker: [0, 1], attempt: [1, 1], streams: [-1, 0] }, stream_sets: [["stage"]],
  packet_names: PACKETS,
  rows: [
    { stream: "camera", complete_until: 15, packets: [3, 3, 2, 2, 2, 2, 2, 4, 4], wanted_by: [0, 0, 0, 0, 0, 0, 0, 0, 0] },
    { stream: "stage", complete_until: 15, packets: [0, 2, 1, 2, 2, 2, 2, 2, 2], wanted_by: [] },
  ],
  virtual_workers: ["constraint 3 with generic"], marks: [{ event: 14, kind: "epoch", text: "the parameters of epoch 2 hold from here on" }], unusual_before: 3, unusual_after: null, overview: null,
}; // prettier-ignore
const SHARED = sharedOf(SEEN);

function say(stage: string, row?: number): string {
  return told(SEEN, SHARED, 10 + STAGES.indexOf(stage), row);
}

describe("the window", () => {
  it("stays inside the run", () => {
    expect(within({ first: -5, count: 10 }, 100)).toEqual({ first: 0, count: 10 });
    expect(within({ first: 95, count: 10 }, 100)).toEqual({ first: 90, count: 10 });
    expect(within({ first: 95, count: 10 }, 4)).toEqual({ first: 0, count: 10 });
    expect(within({ first: 1e9, count: 10 }, null).first).toBe(1e9);
  });
  it("moves by one event at least", () => {
    expect(moved({ first: 50, count: 4 }, 0.1, 100).first).toBe(51);
    expect(moved({ first: 50, count: 40 }, -0.5, 100).first).toBe(30);
  });
  it("is zoomed around an event, which stays where it is, and never to less than a pixel for each", () => {
    const near = zoomed({ first: 100, count: 40 }, 0.5, 110, 1000, null);
    expect(near).toEqual({ first: 105, count: 20 });
    expect((110 - near.first) / near.count).toBeCloseTo((110 - 100) / 40);
    expect(zoomed({ first: 0, count: 900 }, 2, 0, 1000, null).count).toBe(1000);
    expect(zoomed({ first: 0, count: 6 }, 0.1, 0, 1000, null).count).toBe(5);
    expect(mostCount(390)).toBe(390);
    expect(usualCount(300)).toBe(33);
    expect(usualCount(10_000)).toBe(250);
  });
  it("follows an event just so far that it is in sight", () => {
    expect(showing({ first: 10, count: 5 }, 12).first).toBe(10);
    expect(showing({ first: 10, count: 5 }, 15).first).toBe(11);
    expect(showing({ first: 10, count: 5 }, 3).first).toBe(3);
  });
  it("finds the event under a pixel", () => {
    expect(eventAt({ first: 10, count: 10 }, 0, 100)).toBe(10);
    expect(eventAt({ first: 10, count: 10 }, 99.9, 100)).toBe(19);
    expect(eventAt({ first: 10, count: 10 }, 100, 100)).toBeUndefined();
    expect(eventAt({ first: 10, count: 10 }, -1, 100)).toBeUndefined();
  });
  it("has numbers on its axis with room for each", () => {
    expect(ticks({ first: 3, count: 100 }, 640, 64)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    expect(ticks({ first: 0, count: 5 }, 1000, 64)).toEqual([0, 1, 2, 3, 4]);
    for (const count of [7, 60, 333, 4096]) {
      const found = ticks({ first: 123_456, count }, 500, 64);
      expect(((found[1]! - found[0]!) * 500) / count).toBeGreaterThanOrEqual(64);
    }
  });
});

describe("an event in words", () => {
  it("says where it is, with names and causes", () => {
    expect(say("pending")).toBe("event 10: still to come");
    expect(say("waiting")).toBe("event 11: given to worker-1, waits for camera");
    expect(say("leased")).toBe("event 12: with worker-1 and worker-2");
    expect(say("orphaned")).toBe("event 13: worker-2 is gone, it waits for another worker");
    expect(say("failed")).toBe("event 15: failed on worker-2: ValueError: wrong");
    expect(say("lost")).toBe("event 17: lost: stream 'camera' skipped frame numbers");
  });
  it("says that it was given out again, and what begins with it", () => {
    expect(say("reduced")).toBe("event 14: in the result, by worker-1 · given out for the second time · the parameters of epoch 2 hold from here on");
  });
  it("says what came of the packet of a stream, and for whom it is", () => {
    expect(say("lost", 0)).toMatch(/ · camera: packet is missing, for constraint 3 with generic$/);
    expect(say("pending", 1)).toMatch(/ · stage: no packet$/);
    expect(say("leased", 1)).toMatch(/ · stage: a packet that nobody wants$/);
  });
  it("never says that somebody had it of whom nothing is known", () => {
    const forgotten = { ...SEEN, worker: SEEN.worker.map(() => -1), attempt: SEEN.attempt.map(() => 0) };
    expect(told(forgotten, new Map(), 14)).toContain("in the result; who had it is not remembered");
    const unseen = { ...forgotten, rows: SEEN.rows.map((row) => ({ ...row, packets: row.packets.map(() => 1) })) };
    expect(told(unseen, new Map(), 14)).toContain("no worker was to see it");
  });
  it("sums the window up for those who do not see it", () => {
    expect(summary(SEEN)).toContain("Events 10 to 18: 1 pending, 1 waiting");
    expect(summary(SEEN)).toContain("2 given out again");
    expect(listed(["a", "b", "c"])).toBe("a, b and c");
  });
});

describe("the workers of an event", () => {
  it("are all that it was given to, and for a stream those that get its packet", () => {
    expect(holdersOf(SEEN, SHARED, 12).map((one) => one.worker)).toEqual([0, 1]);
    expect(holdersOf(SEEN, SHARED, 12, "camera").map((one) => one.worker)).toEqual([0]);
    expect(holdersOf(SEEN, SHARED, 11, "camera").map((one) => one.worker)).toEqual([0]);
    expect(holdersOf(SEEN, SHARED, 10)).toEqual([]);
  });
  it("have one paint for all lives of a name, and others again beyond nine", () => {
    const many = Array.from({ length: 12 }, (_, number) => ({ name: `worker-${number}`, id: `${number}`, gone: null }));
    const found = paints([...many, { name: "worker-3", id: "again", gone: "killed" }], false);
    expect(found.size).toBe(12);
    expect(new Set([...found.values()].map((one) => `${one.colour} ${one.striped}`)).size).toBe(12);
    expect(found.get("worker-9")?.striped).toBe(true);
    expect([shortOf("worker-12"), shortOf("gpu"), shortOf("w3@host")]).toEqual(["12", "gp", "3"]);
  });
});

describe("asking", () => {
  it("cuts long names in their middle, as streams differ at their ends", () => {
    expect(halves("i0")).toEqual(["", "i0"]);
    expect(halves("detector-module-07")).toEqual(["detector-modul", "e-07"]);
  });
  it("names the window only where somebody has chosen one", () => {
    expect(pathOf({ run: "", from: undefined, count: 100, bins: 0 })).toBe("weave?count=100");
    expect(pathOf({ run: "ab", from: 0, count: 1, bins: 400 })).toBe("weave?count=1&run=ab&from=0&bins=400");
  });
  it("tells times from the first line that has one", () => {
    const lines = [{ at: null, text: "map" }, { at: 10, text: "came" }, { at: 10.035, text: "leased" }];
    expect(lines.map((one) => since(lines, one))).toEqual(["", "", "+35 ms"]);
  });
});
