import { describe, expect, it } from "vitest";
import type { LogLine } from "../src/api/answers";
import { append, behind, EMPTY, MOST_KEPT } from "../src/logs/book";
import { choose, marked, words } from "../src/logs/choose";
import { ago, clock, moment, universal } from "../src/ui/format";

function line(number: number, msg = "text", levelname = "INFO", service = "camera"): LogLine {
  return { number: String(number), msg, levelname, service, name: "beamloom", lineno: "1", created: "0" };
}

describe("the log", () => {
  it("grows by what is new, and tells what came unseen", () => {
    let book = append(EMPTY, [line(5), line(6)]);
    expect([book.lines[0]!.missed, book.last, book.heard]).toEqual([0, 6, 2]);
    book = append(book, [line(10)]);
    expect([book.lines.at(-1)!.missed, book.last]).toEqual([3, 10]);
    expect(append(book, [])).toBe(book);
  });
  it("goes on with another controller, which counts from one", () => {
    const book = append(append(EMPTY, [line(500)]), [line(1), line(2)]);
    expect([book.lines.length, book.last, book.lines.map((one) => one.missed)]).toEqual([3, 2, [0, 0, 0]]);
    expect(new Set(book.lines.map((one) => one.key)).size).toBe(3);
  });
  it("is not told the lines of another controller as those behind its own", () => {
    const book = append(EMPTY, [line(1, "old"), line(2, "older controller")]);
    expect(behind(book, [line(2, "older controller"), line(3, "news")])).toEqual([line(3, "news")]);
    expect(behind(book, [line(2, "older controller")])).toEqual([]);
    expect(behind(book, [])).toEqual([]);
    expect(behind(book, [line(7, "the lines between are gone")])).toHaveLength(1);
    expect(behind(book, [line(1, "numbers go back")])).toHaveLength(1);
    expect(behind(EMPTY, [line(5)])).toHaveLength(1);
    expect(behind(book, [line(2, "another controller has more lines by now"), line(3)])).toBeUndefined();
  });
  it("keeps so many lines", () => {
    const many = append(EMPTY, Array.from({ length: MOST_KEPT + 10 }, (_, place) => line(place + 1)));
    expect([many.lines.length, many.lines[0]!.line.number]).toEqual([MOST_KEPT, "11"]);
  });
  it("is shown by level, process and words, the newest first", () => {
    const { lines } = append(EMPTY, [line(1, "Run armed"), line(2, "detail", "DEBUG"), line(3, "shutter stuck", "ERROR", "stage"), line(4, "run over")]);
    const shown = (level: string, service: string, text: string): string[] => choose(lines, { level, service, text }).map((one) => one.line.msg);
    expect(shown("INFO", "", "")).toEqual(["run over", "shutter stuck", "Run armed"]);
    expect(shown("WARNING", "", "")).toEqual(["shutter stuck"]);
    expect(shown("DEBUG", "camera", "")).toEqual(["run over", "detail", "Run armed"]);
    expect(shown("DEBUG", "", "RUN  armed")).toEqual(["Run armed"]);
    expect(shown("DEBUG", "", "stage")).toEqual(["shutter stuck"]);
  });
  it("has lines that arrived late where they belong", () => {
    const { lines } = append(EMPTY, [line(1, "second"), line(2, "first"), line(3, "also first")].map((one, place) => ({ ...one, created: place ? "1.5" : "2.0" })));
    expect(choose(lines, { level: "DEBUG", service: "", text: "" }).map((one) => one.line.msg)).toEqual(["second", "also first", "first"]);
  });
  it("marks the words that are sought", () => {
    expect(marked("Run (a) is armed", words("ARMED (a)"))).toEqual(["Run ", "(a)", " is ", "armed", ""]);
    expect(marked("as it is", [])).toEqual(["as it is"]);
  });
});

describe("a moment", () => {
  it("is told by the clock of this place, with its day where that is another one, and in universal time", () => {
    const noon = new Date(2026, 10, 22, 12, 5, 7, 89).getTime() / 1000;
    expect(moment(noon, noon + 60)).toBe("12:05:07.089");
    expect([clock(noon, noon + 60), clock(noon, noon + 86_400)]).toEqual(["12:05:07", "2026-11-22 12:05:07"]);
    expect(moment(noon, noon + 86_400)).toBe("2026-11-22 12:05:07.089");
    expect(universal(0.5)).toBe("1970-01-01 00:00:00.500 UTC");
    expect([ago(100, 101), ago(100, 340)]).toEqual(["just now", "4 min 0 s ago"]);
  });
});
