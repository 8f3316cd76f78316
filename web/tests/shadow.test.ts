import { expect, test } from "vitest";
import type { ShadowTold } from "../src/api/answers";
import { questionOf, SHADOW } from "../src/results/outline";
import { saidOf } from "../src/results/shadow";

const TOLD: ShadowTold = { name: "shadow-1", worker: "spectra:Better", reducer: "spectra:Reducer", sample: 0.1, fault: null, copied: {} };

test("what the shadow publishes is asked of its own reducer", () => {
  expect(questionOf("tree", SHADOW)).toBe("/shadow/api/v1/tree?domain=%2F");
  expect(questionOf("tree", "/")).toBe("/results/api/v1/tree?domain=%2F");
});

test("it says of how many events its result is, and what it lacks", () => {
  expect(saidOf(TOLD)).toBe("spectra:Better over 10 % of the events; it waits for a run.");
  expect(saidOf({ ...TOLD, copied: { run: "r", copies: 1200, failed: 0, lost: 0 } })).toMatch(/10 % of the events: 1.200 copies\.$/);
  expect(saidOf({ ...TOLD, copied: { run: "r", copies: 3, failed: 1, lost: 2 } })).toContain("3 copies, 1 failed, 2 lost, as it was too slow.");
  expect(saidOf({ ...TOLD, fault: "no module" })).toBe("It gets no copies: no module");
  expect(saidOf({ ...TOLD, copied: { run: "r", problem: "the class raised" } })).toBe("It cannot begin with the run: the class raised");
});
