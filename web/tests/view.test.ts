import { describe, expect, it } from "vitest";
import { between, place, toImage, toPage, zoomed } from "../src/plots/view";
import { concerns, type Update } from "../src/results/updates";

const WHOLE = { x: 0, y: 0, width: 200, height: 100 };

describe("the part of an image that is seen", () => {
  it("keeps pixels square in the middle, or fills the page", () => {
    expect(place(WHOLE, 400, 400, true)).toEqual({ x: 0, y: 100, width: 400, height: 200 });
    expect(place(WHOLE, 400, 400, true, 2)).toEqual({ x: 0, y: 0, width: 400, height: 400 });
    expect(place(WHOLE, 400, 400, true, 4)).toEqual({ x: 100, y: 0, width: 200, height: 400 });
    expect(place(WHOLE, 400, 400, false)).toEqual({ x: 0, y: 0, width: 400, height: 400 });
  });
  it("finds the pixel under the cursor, and back", () => {
    const shown = place(WHOLE, 400, 400, true);
    expect(toImage(WHOLE, shown, 100, 200)).toEqual({ x: 50, y: 50 });
    expect(toPage(WHOLE, shown, 50, 50)).toEqual({ x: 100, y: 200 });
  });
  it("zooms around the cursor, and never out of the image", () => {
    const near = zoomed(WHOLE, 0.5, 50, 50, WHOLE);
    expect(near).toEqual({ x: 25, y: 25, width: 100, height: 50 });
    const shown = place(near, 400, 400, false);
    expect(toImage(near, shown, ...(Object.values(toPage(near, shown, 50, 50)) as [number, number]))).toEqual({ x: 50, y: 50 });
    expect(zoomed(near, 100, 0, 0, WHOLE)).toEqual(WHOLE);
    expect(zoomed(WHOLE, 0.001, 0, 0, WHOLE)).toEqual({ x: 0, y: 0, width: 4, height: 4 });
  });
  it("is marked in whole pixels within the image, whichever corner came first", () => {
    expect(between({ x: 30.4, y: 70.6 }, { x: -5, y: 20 }, WHOLE)).toEqual({ x: 0, y: 20, width: 30, height: 51 });
  });
});

describe("an update", () => {
  it("concerns what it names by its first part, or all", () => {
    const of = (...changed: string[]): Update => ({ run: "r", version: 1, at: 0, changed });
    expect(concerns(of("$"), "map/value")).toBe(true);
    expect(concerns(of("$.map"), "map/value")).toBe(true);
    expect(concerns(of("$.map.value[3]"), "map")).toBe(true);
    expect(concerns(of("$.mapping"), "map")).toBe(false);
    expect(concerns(of("$['a b'].c"), "a b/c")).toBe(true);
    expect(concerns(of("$['a\\'b']"), "a'b")).toBe(true);
    expect(concerns(of("$.other"), "map")).toBe(false);
    expect(concerns(of(), "map")).toBe(false);
  });
});
