import { describe, expect, it } from "vitest";
import type { Diagnosis, Finding, Progress } from "../src/api/answers";
import type { Flow } from "../src/api/flow";
import { inResult, lagOf, milliseconds, perSecond } from "../src/health/figures";
import { Rate } from "../src/health/rates";
import { outdated, say } from "../src/health/sentence";

const RUNNING: Progress = {
  run: "r", phase: "running", finished: false, total_events: 10, last_assigned: 5, completed_events: 4, reduced: 4, failed: 0, lost: 0,
  pending: 5, assigned: 1, redelivered: 0, handed_back: 0, quarantined: 0, stopped: null, errors: [], losses: [],
}; // prettier-ignore
const WELL: Diagnosis = { healthy: true, at: 0, version: "", run: "r", phase: "running", processes: 4, findings: [] };

function finding(gravity: Finding["gravity"], what: string): Finding {
  return { check: what, about: "", what, do: "look at it", since: null, gravity };
}

describe("the sentence on top", () => {
  it("is green only when the controller answers, the doctor finds nothing and nothing is missing", () => {
    expect(say(RUNNING, WELL, undefined).tone).toBe("good");
    expect(say({ ...RUNNING, lost: 1 }, WELL, undefined).tone).toBe("warning");
    expect(say({ ...RUNNING, failed: 1 }, WELL, undefined)).toEqual({ tone: "warning", text: "1 event is not in the result: 1 failed." });
    expect(say({ ...RUNNING, failed: 2, lost: 1 }, WELL, undefined).text).toBe("3 events are not in the result: 2 failed, 1 is lost.");
    expect(say(RUNNING, { ...WELL, findings: [finding("warning", "a")] }, undefined).tone).toBe("warning");
    expect(say(RUNNING, WELL, new Error("Nobody answers.")).tone).toBe("unknown");
    expect(say(undefined, undefined, undefined).tone).toBe("unknown");
    expect(say({ ...RUNNING, run: null }, WELL, undefined).tone).toBe("idle");
    expect(say({ ...RUNNING, finished: true, stopped: "asked to stop" }, WELL, undefined)).toMatchObject({ tone: "idle" });
  });
  it("says the gravest finding first, and the others as well", () => {
    const findings = [finding("warning", "a disk is full"), finding("trouble", "a worker is gone"), finding("note", "a hint")];
    expect(say(RUNNING, { ...WELL, findings }, undefined)).toEqual({
      tone: "trouble",
      text: "A worker is gone.",
      todo: "Look at it.",
      others: ["A disk is full. Look at it."],
    });
  });
});

describe("a finding", () => {
  it("leads to the views of this page, where it names addresses for programs", () => {
    const wrong = { ...finding("warning", "user code fails"), do: "the tracebacks are in /api/v1/errors; end the run by POST /api/v1/stop" };
    expect(say(RUNNING, { ...WELL, findings: [wrong] }, undefined).todo).toBe("The tracebacks are in the view Errors; end the run under Runs.");
  });
  it("that is very long leaves room for the page", () => {
    const wrong = finding("warning", `KeyError: ${"[[0. 0. 0.]] ".repeat(500)}`);
    const said = say(RUNNING, { ...WELL, findings: [wrong, { ...wrong }] }, undefined);
    expect([said.text.length < 500, said.text.endsWith("…"), said.others![0]!.length < 600]).toEqual([true, true, true]);
  });
});

describe("the version", () => {
  it("is asked about where the controller has another one than when the page was loaded", () => {
    expect(outdated("1.2", "1.2")).toBeUndefined();
    expect(outdated(undefined, "1.2")).toBeUndefined();
    expect(outdated("1.2", "1.3")).toMatch(/is 1.3 now.*1.2/);
  });
});

describe("what is over", () => {
  const back = { ...WELL, findings: [finding("note", "worker-1 was gone 2 min ago and is back")] };
  it("is told beside green, and hides nothing that is wrong", () => {
    expect(say(RUNNING, back, undefined)).toEqual({
      tone: "good",
      text: "All is well.",
      note: "Worker-1 was gone 2 min ago and is back.",
    });
    expect(say({ ...RUNNING, lost: 1 }, back, undefined)).toMatchObject({ tone: "warning" });
    expect(say(RUNNING, { ...back, findings: [...back.findings, finding("warning", "a disk is full")] }, undefined).text).toBe("A disk is full.");
  });
});

describe("a run that somebody stopped", () => {
  const cut = { ...finding("note", "the run was stopped: asked to"), check: "run-cut-short" };
  const stopped = { ...RUNNING, finished: true, stopped: "asked to stop", lost: 3 };
  it("is no fault, though events were cut off by that", () => {
    expect(say(stopped, { ...WELL, findings: [cut] }, undefined)).toMatchObject({ tone: "idle", note: "The run was stopped: asked to." });
    expect(say({ ...stopped, failed: 1 }, { ...WELL, findings: [cut] }, undefined)).toMatchObject({ tone: "warning" });
    expect(say(stopped, WELL, undefined)).toMatchObject({ tone: "warning" });
  });
});

describe("the numbers of the strip", () => {
  const flow: Flow = {
    run: "r", at: 0, started_at: 0, finished: false, rate_in: 40, rate_out: 39.5, streams: {},
    lag: { seconds: 0.0063, event: 7, seconds_ago: 0.5, why: null },
  }; // prettier-ignore
  it("have units", () => {
    expect(perSecond(39.5)).toBe("39.5 /s");
    expect(perSecond(0)).toBe("0 /s");
    expect([0.0063, 0.34, 2.5, 75].map(milliseconds)).toEqual(["6.3 ms", "340 ms", "2,500 ms", "1 min 15 s"]);
    expect(lagOf(flow).text).toBe("6.3 ms");
    expect(lagOf({ ...flow, lag: { ...flow.lag, seconds_ago: 8.2 } }).text).toBe("6.3 ms, 8.2 s ago");
    expect(milliseconds(0.00001)).toBe("under 0.1 ms");
  });
  it("are a dash where nobody knows, never 0", () => {
    expect(perSecond(null)).toBe("–");
    expect(inResult({ ...RUNNING, reduced: 0 })).toBe("–");
    expect(lagOf(undefined).text).toBe("–");
    const unknown = lagOf({ ...flow, lag: { seconds: null, event: 7, seconds_ago: 1, why: "the ingester of camera does not answer" } });
    expect(unknown).toEqual({ text: "–", hint: "Not known: the ingester of camera does not answer" });
  });
  it("do not say all where one is missing", () => {
    expect(inResult({ ...RUNNING, reduced: 4 })).toBe("100 %");
    expect(inResult({ ...RUNNING, reduced: 99_999, lost: 1 })).toBe("99.9 %");
    expect(inResult({ ...RUNNING, reduced: 1, lost: 1 })).toBe("50.0 %");
  });
});

describe("a rate", () => {
  it("is taken over the last seconds, and begins anew with another run", () => {
    const rate = new Rate(3);
    expect(rate.perSecond).toBeNull();
    for (let second = 0; second <= 10; second++) rate.look(second < 5 ? 0 : (second - 4) * 100, second);
    expect(rate.perSecond).toBe(100);
    rate.look(0, 11);
    expect(rate.perSecond).toBeNull();
  });
});
