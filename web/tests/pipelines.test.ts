import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Progress } from "../src/api/answers";
import { get } from "../src/api/client";
import { followPipelines, several, shownOf, wordOf, type PipelineLine } from "../src/api/pipelines";
import { below, fromFront, nameIn } from "../src/api/place";

const NO_RUN = { run: null, phase: "idle" } as Progress;
const RUNS = { run: "r", phase: "running", completed_events: 3, total_events: 9, failed: 1, lost: 0 } as Progress;

function line(name: string, progress: Progress | null = NO_RUN, problem: string | null = null): PipelineLine {
  return { name, path: `/pipelines/${name}`, problem, progress };
}

describe("where the page stands", () => {
  it("is said by its address", () => {
    expect(nameIn("/pipelines/saxs/")).toBe("saxs");
    expect(nameIn("/beamline/pipelines/saxs/")).toBe("saxs");
    expect(nameIn("/")).toBeUndefined();
    expect(nameIn("/pipelines/")).toBeUndefined();
  });
  it("leads to what is below it, and to what the front has", () => {
    expect(below("/api/v1/stop")).toBe("api/v1/stop");
    expect(below("api/v1/stop")).toBe("api/v1/stop");
    expect(fromFront("/", "/pipelines/b")).toBe("pipelines/b");
    expect(fromFront("/pipelines/a/", "/pipelines/b")).toBe("../../pipelines/b");
  });
  it("is where everything is asked for", async () => {
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (address: string) => (asked.push(address), new Response("{}")));
    await get("progress");
    await get("/results/api/v1/tree");
    expect(asked).toEqual(["api/v1/progress", "results/api/v1/tree"]);
    vi.unstubAllGlobals();
  });
});

describe("the switch between pipelines", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    several.value = [];
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  function answering(...answers: PipelineLine[][]): () => number {
    let asked = 0;
    vi.stubGlobal("fetch", async () => new Response(JSON.stringify(answers[Math.min(asked++, answers.length - 1)])));
    return () => asked;
  }

  it("asks once where this pipeline is alone", async () => {
    const asked = answering([line("a")]);
    const end = followPipelines();
    await vi.advanceTimersByTimeAsync(10000);
    expect(asked()).toBe(1);
    expect(several.value).toEqual([]);
    end();
  });
  it("follows several for as long as it is shown", async () => {
    const asked = answering([line("a"), line("b")], [line("a"), line("b", RUNS)]);
    const end = followPipelines();
    await vi.advanceTimersByTimeAsync(5000);
    expect(several.value.map(wordOf)).toEqual(["no run yet", "running, 3 of 9 events, 1 failed"]);
    end();
    const before = asked();
    await vi.advanceTimersByTimeAsync(10000);
    expect(asked()).toBe(before);
  });
  it("keeps what was known while nobody answers", async () => {
    answering([line("a"), line("b")]);
    const end = followPipelines();
    await vi.advanceTimersByTimeAsync(10);
    vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("away")));
    await vi.advanceTimersByTimeAsync(5000);
    expect(several.value.map((one) => one.name)).toEqual(["a", "b"]);
    end();
  });
  it("shows the first one without a name, and says why nothing is known of one", () => {
    const lines = [line("a"), line("b", null, "The controller does not answer.")];
    expect(shownOf(lines, "/")?.name).toBe("a");
    expect(shownOf(lines, "/pipelines/b/")?.name).toBe("b");
    expect(shownOf(lines, "/pipelines/c/")).toBeUndefined();
    expect(wordOf(lines[1]!)).toBe("The controller does not answer.");
  });
});
