import { describe, expect, test } from "vitest";
import type { RuleStep, StepErrors } from "../src/rules/answers";
import { layoutOf } from "../src/rules/layout";
import { chunksOf, framesOf, paceOf, rangesOf, summaryOf, tookOf } from "../src/rules/words";

const link = (parent: number, child: number): { parent: number; child: number } => ({ parent, child });

function step(more: Partial<RuleStep> = {}): RuleStep {
  return {
    id: 1,
    name: "look",
    kind: "Rule",
    owner: "",
    priority: 0,
    state: "running",
    reason: "",
    trouble: "",
    frames: { released: 40, done: 20, failed: 10, final: 40 },
    chunks: { released: 4, ready: 1, leased: 1 },
    rate: 10,
    eta: 1,
    started: 100,
    ended: null,
    elapsed: 2,
    errors: [],
    outputs: [],
    after: [],
    ...more,
  };
}

const error = (more: Partial<StepErrors>): StepErrors => ({ kind: "E", message: "m", chunks: 3, given_up: 2, frames: [], traceback: "", ...more });

describe("where steps stand", () => {
  test("a chain is a row", () => {
    const { spots, layers, rows } = layoutOf([1, 2, 3], [link(1, 2), link(2, 3)]);
    expect(spots.map((one) => [one.layer, one.row])).toEqual([[0, 0], [1, 0], [2, 0]]);
    expect([layers, rows]).toEqual([3, 1]);
  });
  test("what joins stands behind the longest way, and branches stay beside each other", () => {
    const { spots, layers, rows } = layoutOf([1, 2, 3, 4, 5], [link(1, 2), link(1, 3), link(3, 4), link(2, 5), link(4, 5)]);
    expect(spots.map((one) => one.layer)).toEqual([0, 1, 1, 2, 3]);
    expect([layers, rows]).toEqual([4, 2]);
  });
  test("children stand as their parents do, and no two at one place", () => {
    const { spots } = layoutOf([1, 2, 3, 4], [link(2, 3), link(1, 4)]);
    const row = new Map(spots.map((one) => [one.id, one.row]));
    expect(row.get(4)! < row.get(3)!).toBe(true);
    expect(new Set(spots.map((one) => `${one.layer} ${one.row}`)).size).toBe(4);
  });
  test("nothing is nowhere", () => expect(layoutOf([], []).spots).toEqual([]));
});

describe("what is said", () => {
  test("of frames: all that are settled, and never more than is known", () => {
    expect(framesOf(step())).toBe("30 of 40 frames");
    expect(framesOf(step({ frames: { released: 9, done: 4, failed: 0, final: null } }))).toBe("4 frames so far");
    expect(framesOf(step({ frames: { released: 0, done: 0, failed: 0, final: null } }))).toBe("no frames yet");
    expect(framesOf(step({ state: "waiting", frames: { released: 0, done: 0, failed: 0, final: null } }))).toBe("");
  });
  test("of the pace", () => {
    expect(paceOf(step())).toBe("10 frames/s, 1.0 s to go");
    expect(paceOf(step({ rate: null, eta: null }))).toBe("");
    expect(paceOf(step({ state: "gathering" }))).toBe("puts the results together");
    expect(paceOf(step({ state: "done", ended: 102 }))).toBe("took 2.0 s");
  });
  test("of errors: which frames, what becomes of them", () => {
    expect(rangesOf(error({ frames: [[0, 10], [12, 13]] }))).toBe("frames 0 to 9, 12");
    expect(rangesOf(error({}))).toBe("");
    expect(chunksOf(error({}))).toBe("2 chunks given up, 1 chunk tried again");
  });
  test("of a chain", () => {
    const chain = { id: 1, title: "", by: "", created: 90, state: "failed" as const, steps: [step({ state: "done", ended: 120 }), step({ state: "failed", ended: 110 })], links: [] };
    expect(summaryOf(chain)).toBe("1 of 2 rules done, 20 frames failed");
    expect(tookOf(chain)).toBe(30);
    expect(tookOf({ ...chain, state: "running" }, 200)).toBe(110);
  });
});
