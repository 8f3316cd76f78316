import { describe, expect, it } from "vitest";
import { addressOf, beside, kindText, placeOf, shapeOf, valueText, type Kept } from "../src/raw/kept";

const KEPT: Kept = { keeps: 3, seen: 9, events: [6, 7, 8].map((place) => ({ place, event_number: place * 10, at: 0, bytes: 1 })) };
const NONE: Kept = { keeps: 3, seen: 0, events: [] };

describe("kept events", () => {
  it("show the newest until one is chosen", () => {
    expect(placeOf(KEPT, undefined)).toBe(8);
    expect(placeOf(KEPT, 6)).toBe(6);
    expect(placeOf(NONE, undefined)).toBeUndefined();
    expect(placeOf(undefined, 4)).toBe(4);
  });
  it("lead to those beside, also from one that is kept no more", () => {
    expect([beside(KEPT, 7, -1), beside(KEPT, 7, 1)]).toEqual([6, 8]);
    expect([beside(KEPT, 6, -1), beside(KEPT, 8, 1)]).toEqual([undefined, undefined]);
    expect([beside(KEPT, 2, -1), beside(KEPT, 2, 1)]).toEqual([undefined, 6]);
    expect(beside(KEPT, undefined, 1)).toBeUndefined();
  });
  it("are asked of the worker through the controller", () => {
    expect(addressOf("debug/worker", "/3/array", { stream: "a b", name: "x[0]" })).toBe("/glance/debug%2Fworker/api/v1/kept/3/array?stream=a+b&name=x%5B0%5D");
    expect(addressOf("w", "")).toBe("/glance/w/api/v1/kept");
  });
});

describe("an array", () => {
  it("of one long row or a few is curves, else an image", () => {
    expect(shapeOf({ shape: [2048], dtype: "uint16" })).toEqual({ kind: "curves", rows: 1, length: 2048 });
    expect(shapeOf({ shape: [4, 1024], dtype: "float32" })).toEqual({ kind: "curves", rows: 4, length: 1024 });
    expect(shapeOf({ shape: [256, 256], dtype: "uint32" })).toEqual({ kind: "image", layers: 1, rows: 256, columns: 256 });
    expect(shapeOf({ shape: [2, 3, 4, 5], dtype: "int8" })).toEqual({ kind: "image", layers: 6, rows: 4, columns: 5 });
  });
  it("of bytes with three or four bands is a photo", () => {
    expect(shapeOf({ shape: [480, 640, 3], dtype: "uint8" })).toEqual({ kind: "photo", bands: 3, rows: 480, columns: 640 });
    expect(shapeOf({ shape: [480, 640, 4], dtype: "uint8" })).toEqual({ kind: "photo", bands: 4, rows: 480, columns: 640 });
    expect(shapeOf({ shape: [480, 640, 3], dtype: "uint16" })).toEqual({ kind: "image", layers: 480, rows: 640, columns: 3 });
    expect(shapeOf({ shape: [2, 480, 640], dtype: "uint8" })).toEqual({ kind: "image", layers: 2, rows: 480, columns: 640 });
  });
  it("that is small, empty or of no numbers is text", () => {
    expect(shapeOf({ shape: [2], dtype: "float64", values: [0.5, null] })).toEqual({ kind: "text", text: "[0.5, –]" });
    expect(shapeOf({ shape: [0, 7], dtype: "uint8" })).toEqual({ kind: "text", text: "empty" });
    expect(shapeOf({ shape: [99], dtype: "<U7" })).toEqual({ kind: "text", text: "values of type <U7, which have no picture" });
  });
});

describe("a value", () => {
  it("is told in one line", () => {
    expect(valueText("abc")).toBe("abc");
    expect(valueText(null)).toBe("–");
    expect(valueText({ bytes: 512 })).toBe("512 bytes");
    expect(valueText({ a: [1, 2], b: { c: null }, d: true })).toBe("a: [1, 2], b: {c: –}, d: true");
  });
  it("is counted with its type", () => {
    expect(["256,256", "2", "1", ""].map((text) => kindText({ shape: text.split(",").filter(Boolean).map(Number), dtype: "int8" }))).toEqual([
      "256 × 256 of int8",
      "2 values of int8",
      "one value of int8",
      "one value of int8",
    ]);
  });
});
