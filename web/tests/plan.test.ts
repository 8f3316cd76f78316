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
    expect(planOf(root, "number")).toMatchObject({ kind: "value", path: "number", value: 5, units: "mm", title: "number" });
    expect(planOf(root, "curve")).toMatchObject({ kind: "curves", y: "intensity (counts)", series: [{ path: "curve", label: "intensity" }] });
    expect(planOf(root, "image")).toMatchObject({ kind: "image", shape: [4, 5], x: { label: "column" } });
    expect(planOf(root, "stack")).toMatchObject({ kind: "image", shape: [3, 4, 5], leading: [{ length: 3, axis: { label: "axis 0" } }] });
    expect(planOf(root, "none")).toMatchObject({ kind: "none" });
    expect(planOf(root, "words")).toMatchObject({ kind: "table", columns: [{ path: "words" }], ways: ["table"] });
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
    expect(planOf(root, "s")).toMatchObject({
      kind: "curves",
      x: { path: "s/energy", label: "energy (eV)" },
      y: "mean (counts)",
      series: [{ path: "s/mean", label: "mean", units: "counts", errors: "s/mean_errors" }],
      title: "s",
    });
  });
  it("of several signals over one axis is several curves, without an axis a table", () => {
    const columns = { a: data([5]), b: data([5], "int64"), short: data([4]), x: data([5]) };
    const with_axis = group({ g: nxdata(columns, { signal: "a", auxiliary_signals: ["b", "short"], axes: ["x"] }) });
    expect(planOf(with_axis, "g")).toMatchObject({ kind: "curves", series: [{ path: "g/a" }, { path: "g/b" }] });
    const without = group({ g: nxdata(columns, { signal: "a", auxiliary_signals: ["b", "x"] }) });
    expect(planOf(without, "g")).toMatchObject({ kind: "table", shape: [5], columns: [{ path: "g/a" }, { path: "g/b" }, { path: "g/x" }] });
  });
  it("of a map on a grid is an image with its axes, of scattered points their places", () => {
    const grid = group({ m: nxdata({ map: data([3, 4]), y: data([3]), x: data([4]) }, { signal: "map", axes: ["y", "x"] }) });
    expect(planOf(grid, "m")).toMatchObject({ kind: "image", x: { path: "m/x" }, y: { path: "m/y" } });
    const points = group({ m: nxdata({ value: data([9]), key_0: data([9]), key_1: data([9]) }, { signal: "value", axes: ["key_0", "key_1"] }) });
    expect(planOf(points, "m")).toMatchObject({ kind: "scatter", x: { path: "m/key_0" }, y: { path: "m/key_1" }, value: { path: "m/value" } });
  });
  it("has y upwards over axes, unless the group says that it is downwards", () => {
    const children = { v: data([9]), x: data([9]), y: data([9]), image: data([4, 5]), row: data([4]), column: data([5]) };
    const of = (attributes: Attributes): unknown => planOf(group({ g: nxdata(children, attributes) }), "g");
    const [points, image] = [{ signal: "v", axes: ["x", "y"] }, { signal: "image", axes: ["row", "column"] }];
    expect([of(points), of({ ...points, y_down: true })]).toMatchObject([{ kind: "scatter", down: false }, { kind: "scatter", down: true }]);
    expect([of(image), of({ ...image, y_down: 1 }), of({ ...image, y_down: false })]).toMatchObject([{ down: false }, { down: true }, { down: false }]);
  });
  it("of a stack knows whether its newest comes first", () => {
    const about = { signal: "s", axes: ["event", ".", "."] };
    const of = (attributes: Attributes): unknown => planOf(group({ g: nxdata({ s: data([3, 4, 5]), event: data([3]) }, attributes) }), "g");
    expect(of({ ...about, newest_first: true })).toMatchObject({ leading: [{ length: 3, newestFirst: true }] });
    expect((of(about) as { leading: object[] }).leading[0]).not.toHaveProperty("newestFirst");
  });
  it("of a waterfall names the axis that it has", () => {
    const root = group({ w: nxdata({ data: data([200, 64]), event: data([200], "int64") }, { signal: "data", axes: ["event", "."] }) });
    expect(planOf(root, "w")).toMatchObject({ kind: "image", x: { label: "column" }, y: { path: "w/event", label: "event" } });
  });
  it("of a group is that of its default, if it has one", () => {
    const root = group({ g: group({ image: data([2, 2]) }, { default: "image" }), plain: group({}) });
    expect(planOf(root, "g")).toMatchObject({ kind: "image", signals: [{ path: "g/image" }] });
    expect(planOf(root, "plain")).toMatchObject({ kind: "group" });
  });
  it("follows defaults through groups, as far as they lead", () => {
    const root = group({ a: group({ b: group({ c: nxdata({ y: data([3]) }, { signal: "y" }) }, { default: "c" }) }, { default: "b" }) }, { default: "a/b" });
    expect(planOf(root, "")).toMatchObject({ kind: "curves", series: [{ path: "a/b/c/y" }] });
    expect(planOf(root, "a")).toMatchObject({ kind: "curves" });
    const round = group({ default: data([2]) }, { default: "" });
    expect(planOf(round, "")).toMatchObject({ kind: "group" });
  });
  it("of a histogram has the edges of its steps", () => {
    const root = group({ h: nxdata({ n: data([4], "int64"), e: data([5]) }, { signal: "n", axes: ["e"] }) });
    expect(planOf(root, "h")).toMatchObject({ kind: "curves", x: { path: "h/e", edges: true } });
    const wrong = group({ h: nxdata({ n: data([4]), e: data([9]) }, { signal: "n", axes: ["e"] }) });
    expect((planOf(wrong, "h") as { x: unknown }).x).toEqual({ label: "element" });
  });
  it("knows the dimension of an axis by its indices", () => {
    const children = { i: data([3, 4]), energy: data([4]), angle: data([3]) };
    const root = group({ g: nxdata(children, { signal: "i", axes: ["energy", "angle"], energy_indices: 1, angle_indices: [0] }) });
    expect(planOf(root, "g")).toMatchObject({ kind: "image", x: { path: "g/energy" }, y: { path: "g/angle" } });
  });
  it("of a signal with places for each element is scattered, unless it says what it is", () => {
    const children = { i: data([3, 4]), x: data([3, 4]), y: data([3, 4]) };
    const about = { signal: "i", axes: ["y", "x"], x_indices: [0, 1], y_indices: [0, 1] };
    expect(planOf(group({ g: nxdata(children, about) }), "g")).toMatchObject({ kind: "scatter", x: { path: "g/x" }, y: { path: "g/y" }, shape: [3, 4] });
    expect(planOf(group({ g: nxdata(children, { ...about, interpretation: "image" }) }), "g")).toMatchObject({ kind: "image" });
  });
  it("is as the signal is meant: spectra, colours, numbers", () => {
    const spectra = group({ g: nxdata({ s: data([3, 9], "float64", { interpretation: "spectrum" }), t: data([3], "float64", { units: "s" }) }, { signal: "s", axes: ["t", "."] }) });
    expect(planOf(spectra, "g")).toMatchObject({ kind: "curves", leading: [{ length: 3, axis: { path: "g/t", label: "t (s)" } }], shape: [3, 9] });
    const photo = group({ p: data([2, 10, 20, 3], "uint8", { interpretation: "rgb-image" }) });
    expect(planOf(photo, "p")).toMatchObject({ kind: "image", bands: 3, leading: [{ length: 2 }], shape: [2, 10, 20, 3] });
    const numbers = group({ n: data([4, 4], "float64", { interpretation: "scalar" }) });
    expect(planOf(numbers, "n")).toMatchObject({ kind: "table", shape: [4, 4] });
  });
  it("can be another one where somebody chose so, and only where that is possible", () => {
    const root = group({ image: data([4, 5]), curve: data([5]) });
    expect(planOf(root, "image", "curves")).toMatchObject({ kind: "curves", leading: [{ length: 4 }] });
    expect(planOf(root, "image", "table")).toMatchObject({ kind: "table", leading: [] });
    expect(planOf(root, "curve", "image")).toMatchObject({ kind: "curves", ways: ["curves", "table"] });
  });
  it("takes titles, scaling, times, complex numbers and logarithms as they are written", () => {
    const children = {
      y: data([5], "int16"), title: data([], "text", {}, "My scan"), scaling_factor: data([], "float64", {}, 0.5), offset: data([], "float64", {}, 3),
      when: data([5], "datetime64[ms]", { units: "milliseconds since 1970-01-01T00:00:00" }),
    }; // prettier-ignore
    const root = group({ g: nxdata(children, { signal: "y", axes: "when", SILX_style: '{"signal_scale_type": "log"}' }), c: data([4], "complex128") });
    expect(planOf(root, "g")).toMatchObject({ title: "My scan", log: true, series: [{ factor: 0.5, offset: 3 }], x: { time: 1e-3, label: "when" } });
    expect(planOf(root, "c")).toMatchObject({ kind: "curves", series: [{ complex: true }] });
    expect(planOf(root, "g/when")).toMatchObject({ kind: "table" });
  });
  it("reads how NXdata was written before", () => {
    const old = { s: data([3, 4], "float64", { signal: 1, axes: "y:x" }), x: data([4]), y: data([3]) };
    expect(planOf(group({ g: group(old) }), "g")).toMatchObject({ kind: "image", x: { path: "g/x" }, y: { path: "g/y" } });
  });
  it("of images with others of the same shape lets one be chosen", () => {
    const children = { a: data([3, 4]), b: data([3, 4]), c: data([3]) };
    const root = group({ g: nxdata(children, { signal: "a", auxiliary_signals: ["b", "c"] }) });
    expect(planOf(root, "g")).toMatchObject({ kind: "image", signals: [{ path: "g/a" }, { path: "g/b" }] });
  });
  it("of records and texts is a table, of what is nested without numbers a list", () => {
    const root = group({ r: data([3], "[('a', '<i4'), ('b', '<f8')]"), deep: data([2, 3], "text"), about: group({ x: data([], "int64", {}, 4) }) });
    expect(planOf(root, "r")).toMatchObject({ kind: "table" });
    expect(planOf(root, "deep")).toMatchObject({ kind: "table", shape: [2, 3] });
    expect(planOf(root, "about")).toMatchObject({ kind: "group", path: "about" });
  });
});
