import { describe, expect, it } from "vitest";
import { along, COUNTED, STRAIGHT } from "../src/plots/along";
import { columnsOf, middles } from "../src/plots/columns";
import { figure, figureTo } from "../src/plots/figure";
import { digitsBetween, tickTexts, ticks } from "../src/plots/ticks";

describe("a number", () => {
  it("is written whole where it is, with six digits where not, with a power of ten where it is huge or tiny", () => {
    expect([0, 5, -1234567, 0.1, 12.3456789, 1 / 3].map(figure)).toEqual(["0", "5", "-1,234,567", "0.1", "12.3457", "0.333333"]);
    expect([1e-9, 1.5e300, -2e-300, 123456789012].map(figure)).toEqual(["1e-9", "1.5e300", "-2e-300", "1.23457e11"]);
    expect([NaN, Infinity, -Infinity].map(figure)).toEqual(["not a number", "∞", "−∞"]);
    expect([figure(null), figure(undefined)]).toEqual(["–", "–"]);
  });
});

describe("ticks", () => {
  it("are round numbers between the ends, few enough", () => {
    expect(ticks(0, 10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(ticks(0.1, 0.35, 5)).toEqual([0.1, 0.15, 0.2, 0.25, 0.3, 0.35]);
    expect(ticks(-1e-9, 1e-9, 2)).toEqual([-1e-9, 0, 1e-9]);
    expect(ticks(7, 7, 5)).toEqual([7]);
    expect(ticks(NaN, 1, 5)).toEqual([]);
    expect(ticks(-1e308, 1e308, 5).every(Number.isFinite)).toBe(true);
  });
  it("lie in a range whose values are read to a thousandth of it", () => {
    expect(figureTo(12658.0419, digitsBetween(12658, 12658.8))).toBe("12,658.0419");
    expect(figureTo(1 / 3, digitsBetween(0, 1))).toBe("0.333333");
    expect([digitsBetween(5, 5), digitsBetween(1e17, 1e17 + 16), digitsBetween(NaN, 1)]).toEqual([6, 15, 6]);
  });
  it("are written with as many digits as tell them apart", () => {
    expect(tickTexts([12658, 12658.02, 12658.04])).toEqual(["12,658", "12,658.02", "12,658.04"]);
    expect(tickTexts([1_700_000_000, 1_700_000_010])).toEqual(["1.7e9", "1.70000001e9"]);
    expect(tickTexts([1 / 3, 1 / 3])).toEqual(["0.333333", "0.333333"]);
  });
});

describe("pixels along an axis", () => {
  it("are counted where nothing says where they lie", () => {
    expect(COUNTED.at(3.9)).toBe(3);
    expect(COUNTED.ticks(0, 4, 4)).toEqual([0, 1, 2, 3].map((one) => ({ place: one + 0.5, text: String(one) })));
    expect(along(5, new Float64Array(0))).toBe(COUNTED);
  });
  it("have their position in the middle, or at their edges", () => {
    const middles = along(3, new Float64Array([10, 20, 30]));
    expect([0, 0.5, 1, 2.5, 3].map((one) => middles.at(one))).toEqual([5, 10, 15, 30, 35]);
    const edges = along(2, new Float64Array([10, 20, 40]), true);
    expect([0, 1, 1.5, 2].map((one) => edges.at(one))).toEqual([10, 20, 30, 40]);
    expect(edges.ticks(0, 2, 3)).toEqual([{ place: 0, text: "10" }, { place: 1, text: "20" }, { place: 1.5, text: "30" }, { place: 2, text: "40" }]);
  });
  it("may lie unevenly, and fall", () => {
    const falling = along(3, new Float64Array([100, 10, 1]));
    expect(falling.falls).toBe(true);
    expect(falling.ticks(0, 3, 2).map((one) => one.text)).toContain("100");
    expect(falling.ticks(0, 3, 2).find((one) => one.text === "100")!.place).toBeCloseTo(0.5);
  });
  it("tell their own position where positions go back and forth or are missing", () => {
    const wild = along(3, new Float64Array([5, 1, NaN]));
    expect(wild.ticks(0, 3, 3).map((one) => one.text)).toEqual(["5", "1", "not a number"]);
    expect(along(1, new Float64Array([7])).at(0.5)).toBe(7);
  });
  it("are positions themselves where points lie anywhere", () => {
    expect(STRAIGHT.ticks(0, 1, 2)).toEqual([0, 0.5, 1].map((one) => ({ place: one, text: String(one) })));
  });
});

describe("columns of curves", () => {
  const values = new Float64Array([1, 2, 3]);
  it("are as long as the shortest, over elements where there is no axis", () => {
    expect(columnsOf(undefined, [{ values }], false)).toEqual({ x: [0, 1, 2], y: [[1, 2, 3]], sorted: false, placeless: 0 });
    expect(columnsOf(new Float64Array([5, 6]), [{ values }], false).y).toEqual([[1, 2]]);
    expect(columnsOf(undefined, [], false).x).toEqual([]);
  });
  it("are put in order, and points without a place are left out and counted", () => {
    const made = columnsOf(new Float64Array([3, NaN, 1]), [{ values }], false);
    expect(made).toEqual({ x: [1, 3], y: [[3, 1]], sorted: true, placeless: 1 });
  });
  it("are steps between edges, also where these fall", () => {
    expect(columnsOf(new Float64Array([0, 1, 2, 3]), [{ values }], false, true)).toMatchObject({ x: [0, 1, 2, 3], y: [[1, 2, 3, 3]] });
    expect(columnsOf(new Float64Array([3, 2, 1, 0]), [{ values }], false, true)).toMatchObject({ x: [0, 1, 2, 3], y: [[3, 2, 1, 1]], sorted: false });
  });
  it("have gaps where there is no number, or no logarithm, and bands for errors", () => {
    const curve = { values: new Float64Array([-1, NaN, 4]), errors: new Float64Array([1, 1, 5]) };
    expect(columnsOf(undefined, [curve], false).y).toEqual([[-1, null, 4], [0, null, 9], [-2, null, -1]]);
    expect(columnsOf(undefined, [curve], true).y).toEqual([[null, null, 4], [null, null, 9], [null, null, null]]);
  });
});

describe("a long curve whose elements are only counted", () => {
  it("has its points in the middle of the elements that each is the mean of", () => {
    expect([...middles(10, 4)!]).toEqual([1, 4, 7, 9]);
    const places = middles(200_000, 20_000)!;
    expect([places.length, places[0], places.at(-1)]).toEqual([20_000, 4.5, 199_994.5]);
  });
  it("is counted where there is a point for each", () => expect([middles(4, 4), middles(0, 4)]).toEqual([undefined, undefined]));
});
