import { describe, expect, it } from "vitest";
import { along, COUNTED } from "../src/plots/along";
import type { Axis } from "../src/results/nxdata";
import { isKept, ratioOf } from "../src/results/proportion";

function ratio(x: number[], y: number[], xUnits?: string, yUnits = xUnits, edges = false): number | undefined {
  const of = (units: string | undefined): Axis => ({ path: "p", label: "l", ...(units === undefined ? {} : { units }) });
  const less = edges ? 1 : 0;
  return ratioOf(of(xUnits), of(yUnits), along(x.length - less, new Float64Array(x), edges), along(y.length - less, new Float64Array(y), edges), x.length - less, y.length - less);
}

describe("the proportion of pixels", () => {
  it("is that of the steps, where both axes have one unit", () => {
    expect(ratio([0, 1, 2], [5, 4, 3, 2], "mm")).toBe(1);
    expect(ratio([0, 1, 2], [0, 3, 6], "mm")).toBeCloseTo(3);
    expect(ratio([0, 2, 4], [0, 1], "mm")).toBeCloseTo(0.5);
    expect(ratio([0, 2, 4, 6], [0, 1, 2], "mm", "mm", true)).toBeCloseTo(0.5);
  });
  it("is not known where units differ, or one has none", () => {
    expect(ratio([0, 1, 2], [0, 1, 2], "mm", "um")).toBeUndefined();
    expect(ratio([0, 1, 2], [0, 1, 2], "mm", "")).toBeUndefined();
    expect(ratio([1, 1, 1], [0, 1, 2], "mm")).toBeUndefined();
    expect(ratio([0], [0, 1, 2], "mm")).toBeUndefined();
  });
  it("without units is that of squares, where the steps are the same", () => {
    expect(ratio([0.5, 2.5, 4.5], [2.5, 0.5])).toBe(1);
    expect(ratio([0, 1, 2], [0, 3, 6])).toBeUndefined();
  });
  it("of counted columns is that of squares, unless rows are something that has a unit", () => {
    const column: Axis = { label: "column" };
    const along_rows = along(3, new Float64Array([0, 5, 10]));
    expect(ratioOf(column, { label: "row" }, COUNTED, COUNTED, 5, 3)).toBe(1);
    expect(ratioOf(column, { path: "event", label: "event" }, COUNTED, along_rows, 5, 3)).toBe(1);
    expect(ratioOf(column, { path: "t", label: "t (s)", units: "s" }, COUNTED, along_rows, 5, 3)).toBeUndefined();
  });
  it("is kept by itself, but not of strips", () => {
    expect([isKept(1, 80, 10), isKept(1, 81, 10), isKept(8, 80, 10), isKept(1, 1, 9), isKept(undefined, 5, 5)]).toEqual([true, false, true, false, false]);
  });
});
