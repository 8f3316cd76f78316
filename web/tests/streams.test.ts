import { describe, expect, it } from "vitest";
import type { Finding, Process, Stream } from "../src/api/answers";
import type { Kept, ProcessLoad, StreamFlow } from "../src/api/flow";
import { carries, fill, reason, speaks, unusual } from "../src/streams/stream";
import { absent, does, inWords, memory, most, shares, whereabouts } from "../src/streams/work";

const STREAM: StreamFlow = { device: "eiger", ingesters: ["eiger-ingester"], answered: true, state: "receiving", why: "" };
const PROCESS: Process = {
  name: "worker-1", service_uuid: "u", processed_events: 5, event_rate: 1, host: "vm", pid: 7, http: null, fault: null, last_seen: 0,
}; // prettier-ignore
const LOAD: ProcessLoad = { role: "worker", seconds: 5, stages: { user: 3, waiting: 1.98, other: 0.02, sending: 0 }, waits: [] };
const KEPT: Kept = { name: "worker-1", pid: 7, state: "running", uptime: 1, restarts: 0, message: "ready" };

describe("a stream", () => {
  it("says what it carries as its packets do", () => {
    expect(carries({ shape: [256, 128], dtype: "uint16" })).toBe("256 × 128, uint16");
    expect(carries({ shape: [2], dtype: "float64" })).toBe("2 values, float64");
    expect(carries({ fields: ["x", "y"] })).toBe("x, y");
    expect(carries({ problem: "no parser" })).toBe("cannot be read");
    expect(carries(null)).toBe("–");
  });
  it("says in words why nothing comes, and for how long", () => {
    expect(speaks(STREAM)).toMatchObject({ tone: "good", text: "receiving" });
    expect(speaks({ ...STREAM, state: "silent", why: "no packet comes", seconds_since_last: 12.2 })).toEqual({
      tone: "warning",
      text: "silent",
      why: "no packet comes, for 12 s",
    });
    expect(speaks({ ...STREAM, state: "disconnected", why: "refused" })).toMatchObject({ tone: "trouble", why: "refused" });
  });
  it("does not say twice what the doctor says better", () => {
    const stalled: Finding = { check: "stream-stalled", about: "eiger", what: "it is stalled", do: "", since: null, gravity: "trouble" };
    expect(reason("no packet comes", stalled)).toBe("it is stalled");
    expect(reason("no packet comes", { ...stalled, check: "events-lost", what: "1 event is lost" })).toBe("no packet comes; 1 event is lost");
    expect(reason("", undefined)).toBe("");
  });
  it("shows how full its memory is, and warns before it is", () => {
    expect(fill(STREAM)).toEqual({ share: null, text: "–", tone: "good" });
    expect(fill({ ...STREAM, retained_bytes: 2e8, retention_limit: 1e9 })).toEqual({ share: 0.2, text: "200 MB of 1.0 GB", tone: "good" });
    expect(fill({ ...STREAM, retained_bytes: 7e8, retention_limit: 1e9 }).tone).toBe("warning");
    expect(fill({ ...STREAM, retained_bytes: 1e9, retention_limit: 1e9, spooled_events: 12 })).toMatchObject({
      tone: "trouble",
      text: "1.0 GB of 1.0 GB, and 12 on disk",
    });
  });
  it("tells of gaps and the like only where there are any", () => {
    const counts = { gaps: 3, duplicates: 0, reconnects: null, stalled: false } as unknown as Stream;
    expect(unusual(counts)).toEqual(["3 missing"]);
    expect(unusual({ ...counts, stalled: true })[0]).toBe("stalled");
  });
});

describe("a process", () => {
  it("has shares that add up to all of its time", () => {
    const parts = shares(LOAD);
    expect(parts.reduce((sum, one) => sum + one.share, 0)).toBeCloseTo(1);
    expect(inWords(parts)).toBe("60 % user code, under 1 % other, 40 % waiting");
    expect(most(parts)).toBe("60 % user code");
    expect(shares({ ...LOAD, seconds: 0 })).toEqual([]);
    expect(most([])).toBe("–");
  });
  it("says what it waits for, and a time only where that is long", () => {
    const wait = { what: "packets", about: "7", why: "of camera", since: 99, stalled: false };
    expect(does(PROCESS, { ...LOAD, waits: [wait] }, KEPT, 100).text).toBe("waits for packets of event 7");
    expect(does(PROCESS, { ...LOAD, waits: [{ ...wait, since: 90 }] }, KEPT, 100).text).toBe("waits for packets of event 7 for 10 s");
    expect(does(PROCESS, LOAD, KEPT, 100)).toEqual({ tone: "good", text: "works" });
    expect(does({ ...PROCESS, fault: "no module" }, LOAD, KEPT, 100)).toMatchObject({ tone: "trouble", why: "no module" });
    expect(does({ ...PROCESS, drains: "told to end by SIGTERM" }, LOAD, KEPT, 100)).toMatchObject({ tone: "warning", text: "drains" });
    expect(does(PROCESS, LOAD, { ...KEPT, state: "stopping" }, 100)).toMatchObject({ tone: "warning", text: "stopping" });
  });
  it("that does not take part says why", () => {
    expect(absent(KEPT)).toEqual({ tone: "idle", text: "starting" });
    expect(absent({ ...KEPT, state: "given up", message: "it ended 5 times" })).toEqual({
      tone: "trouble",
      text: "given up",
      why: "it ended 5 times",
    });
  });
  it("shows its memory, of its limit where it has one", () => {
    expect(memory({ ...LOAD, memory_bytes: 5e7, memory_limit: 0 })).toEqual({ share: null, text: "50.0 MB", tone: "good" });
    expect(memory({ ...LOAD, memory_bytes: 9.5e8, memory_limit: 1e9 })).toMatchObject({ tone: "trouble", text: "950 MB of 1.0 GB" });
    expect(memory(undefined).text).toBe("–");
    expect(whereabouts(PROCESS)).toBe("vm, process 7");
  });
});
