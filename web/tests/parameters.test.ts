import { describe, expect, it } from "vitest";
import type { Described } from "../src/api/answers";
import { changes, history, pending, written } from "../src/parameters/changes";
import { blamed, wrong } from "../src/parameters/checks";
import { edit, edits, forget } from "../src/parameters/edits";
import { grouped } from "../src/parameters/groups";
import { storedOf } from "../src/parameters/stored";

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
  it("looks at each number of an array", () => {
    const band: Described = { ...LINE, dtype: "array" };
    expect(["[1, 2]", "[[1], [10]]", "[]"].map((text) => wrong(band, text))).toEqual([undefined, undefined, undefined]);
    expect(wrong(band, "[1, 11]")).toBe("This takes numbers 0 to 10.");
    expect(["", "[1", "7", '["a"]', "{}"].map((text) => wrong(band, text))).toEqual(Array(5).fill("This takes numbers in brackets, such as [1, 2.5]."));
  });
  it("is blamed by the sentence of a refusal that names it", () => {
    expect(blamed("parameter 'roi x': 900 is above the maximum 256")).toEqual({ name: "roi x", said: "900 is above the maximum 256" });
    expect(blamed("the controller does not answer")).toBeUndefined();
  });
});

describe("groups", () => {
  const named = (...names: string[]): Described[] => names.map((name) => ({ ...LINE, name }));
  it("are of names that begin with the same word, recordings last", () => {
    const found = grouped(named("dump_prefix", "line", "roi_x", "roi_y", "sample_name", "threshold"));
    expect(found.map((one) => [one.title, one.members.map((member) => member.name)])).toEqual([
      ["", ["line", "sample_name", "threshold"]],
      ["roi", ["roi_x", "roi_y"]],
      ["recording", ["dump_prefix"]],
    ]);
  });
  it("show a file and its content as one", () => {
    const file: Described = { ...LINE, name: "mask", dtype: "file" };
    const content: Described = { ...LINE, name: "mask_file", dtype: "binary" };
    expect(grouped([file, content]).flatMap((one) => one.members)).toEqual([file]);
    expect(grouped([content]).flatMap((one) => one.members)).toEqual([content]);
  });
});

describe("what was typed", () => {
  it("is forgotten when it was sent, but for what was typed since", () => {
    edit("a", { text: "1", base: "0" });
    edit("b", { text: "2", base: "0" });
    const sent = edits.value;
    edit("b", { text: "3", base: "0" });
    forget(sent);
    expect(edits.value).toEqual({ b: { text: "3", base: "0" } });
    forget();
    expect(edits.value).toEqual({});
  });
});

describe("what is not written out", () => {
  const digest = "3f".repeat(32);
  it("is told by size and digest", () => {
    expect(storedOf(`4096 bytes, SHA-256 ${digest}`)).toEqual({ size: 4096, digest });
    expect([storedOf("4096 bytes"), storedOf(7), storedOf(undefined)]).toEqual([undefined, undefined, undefined]);
    expect(written(`4096 bytes, SHA-256 ${digest}`)).toBe("4.1 kB, SHA-256 3f3f3f3f…");
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
    expect(history(epochs).map((one) => one.last)).toEqual([undefined, 89, 39]);
    expect(history(epochs.slice(1), 3).map((one) => one.epoch.epoch)).toEqual([5]);
    expect(pending({ epoch: 5, values: { a: 9 }, run: "r", epochs, count: 3 })).toEqual([]);
    expect(pending({ epoch: 6, values: { ...epochs[2]!.values, a: 9 }, run: "r", epochs, count: 3 })).toEqual([{ name: "a", before: 2, after: 9 }]);
    expect(changes({ a: 1 }, {})).toEqual([{ name: "a", before: 1, after: undefined }]);
    expect([written("x"), written([1, 2]), written(undefined), written(true)]).toEqual(["x", "[1, 2]", "not set", "true"]);
  });
});
