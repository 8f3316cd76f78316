import { describe, expect, it } from "vitest";
import { boxOf, boxText, fitted } from "../src/plots/view";
import { addressOf } from "../src/results/arrays";
import { lookOf, lookQuery, numbersOf, planeOf, rangeOf, rangeText } from "../src/results/choices";
import { partsOf } from "../src/results/downloads";
import { brief } from "../src/results/outline";
import { planOf } from "../src/results/plan";
import { cellText } from "../src/results/table";
import { whyEmpty, type Covered } from "../src/results/why";
import { thinned, windowOf } from "../src/results/wishes";
import type { Diagnosis, Progress } from "../src/api/answers";

const SCREEN = { width: 800, height: 400 };

describe("what is asked for of a large image", () => {
  it("is all of it where the screen has a pixel for each", () => {
    expect(windowOf([300, 500], [], undefined, SCREEN)).toMatchObject({ select: undefined, block: { rows: 1, columns: 1 }, most: [300, 500] });
  });
  it("is made smaller to about the pixels of the screen, never to less than three quarters", () => {
    const { most, block } = windowOf([4000, 4000], [], undefined, SCREEN);
    expect(block).toEqual({ rows: 8, columns: 4 });
    expect(most).toEqual([500, 1000]);
  });
  it("is what is seen and half as much around it, whole where that is little", () => {
    const window = windowOf([4000, 4000], [], { x: 1000, y: 2000, width: 100, height: 50 }, SCREEN);
    expect(window).toEqual({ select: "[1975:2075,950:1150]", most: [100, 200], begins: { row: 1975, column: 950 }, block: { rows: 1, columns: 1 } });
  });
  it("has blocks as the reducer makes them, also where they do not come out even", () => {
    const { most, block } = windowOf([1601, 9], [], undefined, { width: 64, height: 400 });
    expect(block.rows).toBe(Math.ceil(1601 / most[0]!));
  });
  it("is one plane of a stack, the last where none was chosen", () => {
    expect(windowOf([10, 10], [-1, 3], undefined, SCREEN).select).toBe("[-1,3,:,:]");
    expect(windowOf([10, 10], [2], undefined, SCREEN, true)).toMatchObject({ select: "[2,:,:,:]", most: [] });
  });
  it("are every so many points where there are too many", () => {
    expect([thinned(10, 50), thinned(51, 50), thinned(200, 50)]).toEqual([1, 2, 4]);
  });
  it("stands in the address as the reducer reads it", () => {
    expect(addressOf({ path: "a/b", most: [3, 4], by: "max", select: "[0,:,:]", part: "phase" }, "/runs/r")).toBe(
      "/results/api/v1/shown?path=a%2Fb&domain=%2Fruns%2Fr&most=3%2C4&by=max&select=%5B0%2C%3A%2C%3A%5D&part=phase",
    );
  });
});

describe("the address of a view", () => {
  it("keeps colours, levels and what is seen, and gives them back", () => {
    const look = { map: "grey", log: true, square: false, up: true, levels: { low: 0.5, high: 1e6 } };
    const query = new URLSearchParams(Object.entries(lookQuery(look)).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
    expect(lookOf(query, { log: false, square: true, up: false })).toEqual(look);
    expect(lookOf(new URLSearchParams(), { log: true, square: true, up: false })).toEqual({ map: "viridis", log: true, square: true, up: false });
    const box = { x: 1.5, y: 2, width: 30, height: 40 };
    expect(boxOf(boxText(box))).toEqual(box);
    expect(["1,2,3", "1,2,0,4", "a,b,c,d", "", undefined].map(boxOf)).toEqual(Array(5).fill(undefined));
    const range = { from: 1, to: 2.5, bottom: undefined, top: undefined };
    expect(rangeOf(rangeText(range)!)).toEqual(range);
    expect(rangeOf("2,1")).toBeUndefined();
    expect([numbersOf("1,2", 2), numbersOf("1,x"), numbersOf("1", 2), numbersOf(null)]).toEqual([[1, 2], undefined, undefined, undefined]);
  });
  it("names planes that there are, else the last", () => {
    const [five, two] = [{ length: 5 }, { length: 2 }];
    expect([planeOf("3,1", [five, two]), planeOf("9,1", [five, two]), planeOf(null, [five]), planeOf("1.5", [five])]).toEqual([[3, 1], [-1, 1], [-1], [-1]]);
  });
  it("of a stack whose newest comes first names that, unless another is chosen", () => {
    const newest = { length: 5, newestFirst: true } as const;
    expect([planeOf(null, [newest]), planeOf("4", [newest]), planeOf("5,-1", [newest, { length: 2 }])]).toEqual([[0], [4], [0, -1]]);
  });
  it("of a part that has got smaller shows what there is", () => {
    const whole = { x: 0, y: 0, width: 10, height: 10 };
    expect(fitted({ x: 50, y: 2, width: 20, height: 5 }, whole)).toEqual({ x: 0, y: 2, width: 10, height: 5 });
    expect(fitted(undefined, whole)).toBe(whole);
  });
});

describe("files of a plot", () => {
  const data = (shape: number[]) => ({ shape, dtype: "float64", attributes: {} });
  it("hold its axis, its curves and their errors side by side", () => {
    const root = { attributes: {}, children: { g: { attributes: { signal: "a", axes: "x" }, children: { a: data([5]), x: data([5]), a_errors: data([5]) } } } };
    expect(partsOf(planOf(root, "g"), null, null)).toEqual({ npy: "g/a", csv: ["g/x", "g/a", "g/a_errors"] });
  });
  it("hold the plane that is seen of a stack as a table, and all of it for numpy", () => {
    const root = { attributes: {}, children: { stack: data([4, 5, 6]) } };
    expect(partsOf(planOf(root, "stack"), "2", null)).toEqual({ npy: "stack", csv: ["stack"], select: "[2,:,:]" });
  });
});

describe("a cell of a table", () => {
  it("is short, and as it is where it is no number", () => {
    expect(["0.30000000000000004", "nan", "inf", "12345678901234", "some text", "(1+2j)", "True"].map(cellText)).toEqual(["0.3", "–", "∞", "12345678901234", "some text", "(1+2j)", "true"]);
  });
});

describe("why there is nothing", () => {
  const counts = { reduced: 0, failed: 0, lost: 0, pending: 5 };
  const covered: Covered = { run: "r", complete: false, over: false, total_events: 5, counts };
  const progress = { run: "r", finished: false, errors: [{ error: "ValueError", message: "no peak" }] } as unknown as Progress;
  const doctor = { findings: [{ what: "camera is silent", do: "look at its cable" }] } as unknown as Diagnosis;
  const why = (more: Partial<Parameters<typeof whyEmpty>[0]>): string =>
    whyEmpty({ covered, progress, diagnosis: undefined, events: undefined, ...more }).join(" ");
  it("is that no run was armed, or that no event came so far, with what the doctor says", () => {
    expect(why({ progress: { ...progress, run: null } })).toBe("No run has been armed yet.");
    expect(why({ diagnosis: doctor })).toBe("No event of this run has been reduced yet. Camera is silent. Look at its cable.");
    expect(why({ covered: { ...covered, over: true } })).toBe("The run ended without an event.");
  });
  it("is that all failed, with the error, or that all were lost", () => {
    expect(why({ covered: { ...covered, counts: { ...counts, failed: 3 } } })).toBe("So far all 3 events failed. ValueError: no peak. The view Errors tells where.");
    expect(why({ covered: { ...covered, over: true, counts: { ...counts, failed: 5, pending: 0 } } })).toContain("All 5 events failed.");
    expect(why({ covered: { ...covered, counts: { ...counts, lost: 2 } } })).toBe("No event is in it: 2 events were lost.");
  });
  it("is that the analysis has put nothing there, with what is missing", () => {
    const some = { ...covered, counts: { reduced: 4, failed: 1, lost: 0, pending: 0 } };
    expect(why({ covered: some, events: "0 to 3" })).toBe("4 events were reduced. Of the others 1 failed. The analysis has filled in nothing here.");
    expect(why({ covered: some, events: "" })).toContain("none of them had anything for this");
  });
  it("is nothing where nothing is known yet", () => {
    expect(whyEmpty({ covered: undefined, progress: undefined, diagnosis: undefined, events: undefined })).toEqual([]);
  });
});

describe("a single value in the tree", () => {
  it("is said to be infinite nowhere where it may be no number, and the other way round", () => {
    expect(brief({ attributes: {}, shape: [], dtype: "float64", value: null })).toBe("not finite");
  });
});
