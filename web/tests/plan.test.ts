import { describe, expect, it } from "vitest";
import type { Attributes, Node } from "../src/results/outline";
import { planOf } from "../src/results/plan";

function data(shape: number[] | null, dtype: string | null = "float64", attributes: Attributes = {}, value?: unknown): Node {
  return { shape, dtype, attributes, ...(value === undefined ? {} : { value }) };
}
function group(children: Record<string, Node>, attributes: Attributes = {}): Node {
  return { children, attributes };
}
function nxdata(children: Record<string, Node>, attributes: Attributes): Node {
  return group(children, { NX_class: "NXdata", ...attributes });
}

describe("the right plot", () => {
  it("of a dataset is by its axes", () => {
    const root = group({
      number: data([], "int64", { units: "mm" }, 5),
      curve: data([7], "float64", { long_name: "intensity", units: "counts" }),
      image: data([4, 5]),
      stack: data([3, 4, 5]),
      none: data(null, null),
      words: data([3], "text"),
      empty: data([0]),
    });
    expect(planOf(root, "number")).toEqual({ kind: "value", value: 5, title: "number (mm)" });
    expect(planOf(root, "curve")).toMatchObject({ kind: "curves", y: "intensity (counts)", series: [{ path: "curve", label: "intensity" }] });
    expect(planOf(root, "image")).toMatchObject({ kind: "image", shape: [4, 5], x: { label: "column" } });
    expect(planOf(root, "stack")).toMatchObject({ kind: "image", shape: [3, 4, 5] });
    expect(planOf(root, "none")).toMatchObject({ kind: "none" });
    expect(planOf(root, "words")).toMatchObject({ kind: "none", why: expect.stringContaining("silx") as string });
    expect(planOf(root, "empty")).toMatchObject({ kind: "none", why: expect.stringContaining("nothing has been added") as string });
    expect(planOf(root, "gone")).toMatchObject({ kind: "none", why: expect.stringContaining("no gone") as string });
  });
  it("of a spectrum with errors over an axis is a curve with its band", () => {
    const root = group({
      s: nxdata(
        { mean: data([5], "float64", { units: "counts" }), mean_errors: data([5]), energy: data([5], "float64", { units: "eV" }) },
        { signal: "mean", axes: "energy" },
      ),
    });
    expect(planOf(root, "s")).toEqual({
      kind: "curves",
      x: { path: "s/energy", label: "energy (eV)" },
      y: "mean (counts)",
      series: [{ path: "s/mean", label: "mean", errors: "s/mean_errors" }],
      title: "s",
    });
  });
  it("of several signals over one axis is several curves, without an axis a table", () => {
    const columns = { a: data([5]), b: data([5], "int64"), short: data([4]), x: data([5]) };
    const with_axis = group({ g: nxdata(columns, { signal: "a", auxiliary_signals: ["b", "short"], axes: ["x"] }) });
    expect(planOf(with_axis, "g")).toMatchObject({ kind: "curves", series: [{ path: "g/a" }, { path: "g/b" }] });
    const without = group({ g: nxdata(columns, { signal: "a", auxiliary_signals: ["b", "x"] }) });
    expect(planOf(without, "g")).toMatchObject({ kind: "table", rows: 5, columns: [{ path: "g/a" }, { path: "g/b" }, { path: "g/x" }] });
  });
  it("of a map on a grid is an image with its axes, of scattered points their places", () => {
    const grid = group({ m: nxdata({ map: data([3, 4]), y: data([3]), x: data([4]) }, { signal: "map", axes: ["y", "x"] }) });
    expect(planOf(grid, "m")).toMatchObject({ kind: "image", x: { path: "m/x" }, y: { path: "m/y" } });
    const points = group({ m: nxdata({ value: data([9]), key_0: data([9]), key_1: data([9]) }, { signal: "value", axes: ["key_0", "key_1"] }) });
    expect(planOf(points, "m")).toMatchObject({ kind: "scatter", x: { path: "m/key_1" }, y: { path: "m/key_0" }, value: { path: "m/value" } });
  });
  it("of a waterfall names the axis that it has", () => {
    const root = group({ w: nxdata({ data: data([200, 64]), event: data([200], "int64") }, { signal: "data", axes: ["event", "."] }) });
    expect(planOf(root, "w")).toMatchObject({ kind: "image", x: { label: "column" }, y: { path: "w/event", label: "event" } });
  });
  it("of a group is that of its default, if it has one", () => {
    const root = group({ g: group({ image: data([2, 2]) }, { default: "image" }), plain: group({}) });
    expect(planOf(root, "g")).toMatchObject({ kind: "image", path: "g/image" });
    expect(planOf(root, "plain")).toMatchObject({ kind: "group" });
  });
});
