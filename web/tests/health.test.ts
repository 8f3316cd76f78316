import { describe, expect, it } from "vitest";
import type { Diagnosis, Finding, Progress } from "../src/api/answers";
import { Rate } from "../src/health/rates";
import { say } from "../src/health/sentence";

const RUNNING: Progress = {
  run: "r", phase: "running", finished: false, total_events: 10, last_assigned: 5, completed_events: 4, reduced: 4, failed: 0, lost: 0,
  pending: 5, assigned: 1, redelivered: 0, quarantined: 0, stopped: null, errors: [], losses: [],
}; // prettier-ignore
const WELL: Diagnosis = { healthy: true, at: 0, version: "", run: "r", phase: "running", processes: 4, findings: [] };

function finding(gravity: Finding["gravity"], what: string): Finding {
  return { check: what, about: "", what, do: "look at it", since: null, gravity };
}

describe("the sentence on top", () => {
  it("is green only when the controller answers, the doctor finds nothing and nothing is missing", () => {
    expect(say(RUNNING, WELL, undefined).tone).toBe("good");
    expect(say({ ...RUNNING, lost: 1 }, WELL, undefined).tone).toBe("warning");
    expect(say({ ...RUNNING, failed: 1 }, WELL, undefined).tone).toBe("warning");
    expect(say(RUNNING, { ...WELL, findings: [finding("warning", "a")] }, undefined).tone).toBe("warning");
    expect(say(RUNNING, WELL, new Error("Nobody answers.")).tone).toBe("unknown");
    expect(say(undefined, undefined, undefined).tone).toBe("unknown");
    expect(say({ ...RUNNING, run: null }, WELL, undefined).tone).toBe("idle");
    expect(say({ ...RUNNING, finished: true, stopped: "asked to stop" }, WELL, undefined)).toMatchObject({ tone: "idle" });
  });
  it("says the gravest finding first, and how many more there are", () => {
    const findings = [finding("warning", "a disk is full"), finding("trouble", "a worker is gone"), finding("note", "a hint")];
    expect(say(RUNNING, { ...WELL, findings }, undefined)).toEqual({
      tone: "trouble",
      text: "A worker is gone. And 1 more.",
      todo: "Look at it.",
    });
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
