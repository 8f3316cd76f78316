import { describe, expect, it } from "vitest";
import { marked } from "../src/plots/overlay";
import type { Attributes, Group, Node } from "../src/results/outline";
import { overlayFrom, overlayWishes } from "../src/results/overlaid";
import { overlaysOf } from "../src/results/overlays";
import { overviewOf } from "../src/results/overview";
import { planOf } from "../src/results/plan";

function data(shape: number[] | null, dtype = "float64", attributes: Attributes = {}): Node {
  return { shape, dtype, attributes };
}
function group(children: Record<string, Node>, attributes: Attributes = {}): Group {
  return { children, attributes };
}
const image = (children: Record<string, Node>, attributes: Attributes): Group =>
  group({ i: data([4, 5]), ...children }, { NX_class: "NXdata", signal: "i", ...attributes });

describe("what is drawn over an image", () => {
  it("is named by its group, anywhere in the tree", () => {
    const hit = image(
      { x: data([3], "float64", { long_name: "peaks" }), y: data([3]), beam: data([2]) },
      { overlay_points: ["x", "y"], overlay_circles: ["beam", "/rings/r", "/rings/d"] },
    );
    const root = group({ hit, rings: group({ r: data([2]), d: data([2], "float64", { units: "Å" }) }) });
    expect(planOf(root, "hit")).toMatchObject({
      kind: "image",
      overlays: {
        points: { x: "hit/x", y: "hit/y", most: 3, label: "peaks" },
        circles: { centre: "hit/beam", radius: "rings/r", name: "rings/d", units: "Å" },
      },
    });
  });
  it("is left out where it is not there, empty, or does not fit", () => {
    const names = { overlay_points: ["x", "y"], overlay_circles: ["beam", "r"] };
    const of = (children: Record<string, Node>, leading: number[] = []): object => {
      const one = image(children, names);
      return overlaysOf(group({ one }), "one", one, leading);
    };
    expect(of({})).toEqual({});
    expect(of({ x: data([0]), y: data([0]), beam: data([2]), r: data([0]) })).toEqual({});
    expect(of({ x: data([3]), y: data([2]), beam: data([3]), r: data([1]) })).toEqual({});
    expect(of({ x: data([3]), y: data([3]) }, [4])).toEqual({});
    expect(of({ x: data([4, 3]), y: data([4, 3]) }, [4])).toMatchObject({ points: { most: 3 } });
    expect(of({ x: data([3], "text"), y: data([3]), beam: data(null), r: data([1]) })).toEqual({});
  });
  it("is asked for of the image that is seen", () => {
    const points = { x: "g/x", y: "g/y", most: 2, label: "places" };
    expect(overlayWishes({ points }, [2])).toEqual({ overlay_x: { path: "g/x", select: "[2,:]" }, overlay_y: { path: "g/y", select: "[2,:]" } });
    const answer = { data: Float64Array.of(1, 2, 3, NaN), shape: [2, 2], whole: [2, 2], wish: { path: "" } };
    const second = overlayFrom({ points }, { overlay_x: answer, overlay_y: answer }, 1);
    expect([...(second.marks!.x as Float64Array)]).toEqual([3, NaN]);
    expect(marked(second.marks)).toBe(1);
    expect(overlayFrom({ points }, undefined)).toEqual({});
  });
});

describe("the overview of a group", () => {
  it("has what its attribute names, as far as it is there", () => {
    expect(overviewOf(group({ a: data([1]), b: group({ c: data([1]) }) }, { overview: ["b/c", "gone", "a"] }))).toEqual(["b/c", "a"]);
    expect(overviewOf(group({ a: data([1]) }))).toEqual([]);
  });
});
