import { expect, test } from "vitest";
import { wordsOf } from "../src/now/words";

test.each([
  [null, ""],
  ["three are\n enough", "three are enough"],
  [{ reason: "done", rate: 0.25 }, "done (rate=0.25)"],
  [{ x: 1.5, y: [1, 2] }, "x=1.5, y=[1,2]"],
  [{ message: "beware" }, "beware"],
  [0.1 + 0.2, "0.3"],
  ["a".repeat(1000), `${"a".repeat(300)}…`],
])("a payload is shown in one line: %j", (payload, words) => {
  expect(wordsOf(payload)).toBe(words);
});
