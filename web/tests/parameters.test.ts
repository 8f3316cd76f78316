import { describe, expect, it } from "vitest";
import type { Described } from "../src/api/answers";
import { changes, history, written } from "../src/parameters/changes";
import { wrong } from "../src/parameters/field";
import { regionsOf, valuesOf } from "../src/results/region";
import { triggerMap } from "../src/runs/trigger";

const LINE: Described = { name: "line", description: null, dtype: "int", default: 5, min: 0, max: 10 };

describe("a field", () => {
  it("says what is no value of its parameter", () => {
    expect(["5", " 7 ", "0", "10"].map((text) => wrong(LINE, text))).toEqual([undefined, undefined, undefined, undefined]);
    expect(wrong(LINE, "11")).toBe("This takes 0 to 10.");
    expect(["", "5.5", "five"].map((text) => wrong(LINE, text))).toEqual(Array(3).fill("This takes a whole number."));
    expect(wrong({ ...LINE, dtype: "float" }, "")).toBe("This takes a number.");
    expect(wrong({ ...LINE, dtype: "float" }, "2.5e0")).toBeUndefined();
    expect(wrong({ ...LINE, dtype: "str" }, "")).toBeUndefined();
  });
});

describe("the history of parameters", () => {
  it("tells what changed with each epoch, the newest first", () => {
    const epochs = [
      { epoch: 1, first_event: 0, values: { a: 1, b: [1, 2] } },
      { epoch: 2, first_event: 40, values: { a: 2, b: [1, 2] } },
      { epoch: 5, first_event: 90, values: { a: 2, b: [1, 3], c: "x" } },
    ];
    expect(history(epochs).map((one) => [one.epoch.first_event, one.changes.map((change) => change.name)])).toEqual([
      [90, ["b", "c"]],
      [40, ["a"]],
      [0, []],
    ]);
    expect(changes({ a: 1 }, {})).toEqual([{ name: "a", before: 1, after: undefined }]);
    expect([written("x"), written([1, 2]), written(undefined), written(true)]).toEqual(["x", "[1,2]", "not set", "true"]);
  });
});

describe("a rectangle", () => {
  it("becomes the parameters that are named as its edges are", () => {
    const names = ["roi_x", "roi_y", "roi_width", "roi_height", "max", "left", "text_x"];
    const found = regionsOf(names.map((name) => ({ name, dtype: name === "text_x" ? "str" : "int" })));
    expect([...found]).toEqual([["roi", ["roi_x", "roi_y", "roi_width", "roi_height"]]]);
    expect(valuesOf(found.get("roi")!, { x: 3, y: 4, width: 10, height: 20 })).toEqual({ roi_x: 3, roi_y: 4, roi_width: 10, roi_height: 20 });
    expect(valuesOf(["left", "top", "right", "bottom"], { x: 3, y: 4, width: 10, height: 20 })).toEqual({ left: 3, top: 4, right: 13, bottom: 24 });
  });
});

describe("a trigger map by a form", () => {
  it("has as many events as are wanted, also where bursts do not divide them", () => {
    const map = triggerMap({ streams: ["a", "b"], events: 7, burst: 3 }) as {
      parts: Record<string, Record<string, unknown[]>>;
      sequence: { part: string; repeat: number }[];
    };
    const events = map.sequence.reduce((sum, one) => sum + one.repeat * map.parts[one.part]!["a"]!.length, 0);
    expect(events).toBe(7);
    expect(Object.keys(map.parts["main"]!)).toEqual(["a", "b"]);
  });
  it("goes on until it is stopped where no number is given", () => {
    expect(triggerMap({ streams: ["a"], events: undefined, burst: 1 })).toEqual({
      parts: { main: { a: [[{ constraint: 0 }]] } },
      sequence: [{ part: "main", repeat: null }],
    });
  });
});
