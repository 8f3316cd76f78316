import { describe, expect, it } from "vitest";
import type { Described } from "../src/api/answers";
import { rangesOf, rectanglesOf, regionOf, valuesOf } from "../src/results/regions";

const BOX = { x: 3.4, y: 4, width: 10.2, height: 20 };

function described(...names: string[]): Described[] {
  return names.map((one) => {
    const [name, dtype = "int"] = one.split(":") as [string, Described["dtype"]?];
    return { name, dtype, description: null, default: 0 };
  });
}

describe("a rectangle", () => {
  it("becomes the parameters that are named as its edges are, whole where they are", () => {
    const sets = rectanglesOf(described("roi_x", "roi_y", "roi_width", "roi_height", "max", "left", "text_x:str", "index"));
    expect(sets.map((one) => one.name)).toEqual(["roi"]);
    expect(valuesOf(sets[0]!, BOX)).toEqual({ roi_x: 3, roi_y: 4, roi_width: 10, roi_height: 20 });
  });
  it("may be said by its four edges, in numbers that are not whole", () => {
    const [set] = rectanglesOf(described("left:float", "top:float", "right:float", "bottom:float"));
    expect(set).toMatchObject({ name: "", whole: false });
    expect(valuesOf(set!, BOX)).toEqual({ left: 3.4, top: 4, right: 13.6, bottom: 24 });
  });
  it("is where the parameters say that it is", () => {
    const [set] = rectanglesOf(described("a_left", "a_top", "a_right", "a_bottom"));
    expect(regionOf(set!, { a_left: 1, a_top: 2, a_right: 11, a_bottom: 4 })).toEqual({ x: 1, y: 2, width: 10, height: 2 });
    expect(regionOf(set!, { a_left: 1, a_top: 2, a_right: 1, a_bottom: 4 })).toBeUndefined();
    expect(regionOf(set!, {})).toBeUndefined();
  });
});

describe("a range", () => {
  it("becomes two parameters, and is where they say", () => {
    const sets = rangesOf(described("line_low", "line_high", "start", "stop", "other_low"));
    expect(sets.map((one) => one.name)).toEqual(["line", ""]);
    expect(valuesOf(sets[0]!, { ...BOX, y: 0, height: 1 })).toEqual({ line_low: 3, line_high: 14 });
    expect(regionOf(sets[0]!, { line_low: 5, line_high: 9 })).toEqual({ x: 5, y: 0, width: 4, height: 1 });
  });
});
