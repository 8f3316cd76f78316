import { describe, expect, it } from "vitest";
import { bytes, count, duration, eventsOf, rate } from "../src/ui/format";

describe("numbers for people", () => {
  it("sets thousands apart, and shows what is not known as a dash", () => {
    expect([count(0), count(1234567), count(null), count(undefined), count(NaN)]).toEqual(["0", "1,234,567", "–", "–", "–"]);
  });
  it("gives rates three digits that count", () => {
    expect([rate(0), rate(0.25), rate(12.54), rate(1250.4), rate(0.00123), rate(null)]).toEqual(["0", "0.25", "12.5", "1,250", "0.001", "–"]);
  });
  it("gives times in two units at most", () => {
    expect([0.34, 4.21, 59, 60, 200, 3600, 7500, 200_000].map(duration)).toEqual([
      "340 ms",
      "4.2 s",
      "59 s",
      "1 min 0 s",
      "3 min 20 s",
      "1 h 0 min",
      "2 h 5 min",
      "2 d 7 h",
    ]);
  });
  it("gives bytes in decimal units", () => {
    expect([0, 999, 1000, 1_500_000, 999_600, 4e12].map(bytes)).toEqual(["0 B", "999 B", "1.0 kB", "1.5 MB", "1.0 MB", "4.0 TB"]);
  });
  it("names one event and many", () => {
    expect([eventsOf(5, 5), eventsOf(5, 9000)]).toEqual(["event 5", "events 5 to 9,000"]);
  });
});
