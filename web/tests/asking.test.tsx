import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { useAsked } from "../src/api/asked";
import { get } from "../src/api/client";
import { useEvent } from "../src/raw/load";
import { useArrays } from "../src/results/arrays";
import { elementsAddress, useTexts } from "../src/results/texts";
import { listen, live } from "../src/results/updates";
import { npy } from "./npy";

let place: HTMLElement;
beforeEach(() => {
  vi.useFakeTimers();
  place = document.createElement("div");
});
afterEach(() => {
  act(() => render(null, place));
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function wait(ms: number): Promise<void> {
  await act(async () => void (await vi.advanceTimersByTimeAsync(ms)));
}

describe("what was not answered", () => {
  it("is asked for again, also of a run that has ended, of which no update comes", async () => {
    const answers = [() => Promise.reject(new TypeError("Failed to fetch")), async () => npy([7])];
    vi.stubGlobal("fetch", () => answers.shift()!());
    function Probe() {
      const { arrays, error } = useArrays({ y: { path: "map" } }, "/runs/r");
      return <p>{error ? error.message : `got ${arrays?.["y"]?.data[0]}`}</p>;
    }
    act(() => render(<Probe />, place));
    await wait(50);
    expect(place.textContent).toMatch(/does not answer/);
    await wait(1500);
    expect(place.textContent).toBe("got 7");
  });
  it("is asked for again where it would be asked for once", async () => {
    let asked = 0;
    function Probe() {
      const { answer, error } = useAsked("run r", async () => {
        if (!asked++) throw new Error("gone");
        return asked;
      });
      return <p>{error?.message ?? `got ${answer}`}</p>;
    }
    act(() => render(<Probe />, place));
    await wait(50);
    expect(place.textContent).toBe("gone");
    await wait(10_000);
    expect([place.textContent, asked]).toEqual(["got 2", 2]);
  });
  it("is asked for again of a raw event that somebody looks at", async () => {
    const event = { place: 5, event_number: 50, at: 0, bytes: 1, streams: {} };
    const answers = [() => Promise.reject(new TypeError("Failed to fetch")), async () => new Response(JSON.stringify(event))];
    vi.stubGlobal("fetch", () => answers.shift()!());
    function Probe() {
      const { loaded, error } = useEvent("debugworker", 5, false);
      return <p>{error?.message ?? `got ${loaded?.event.event_number}`}</p>;
    }
    act(() => render(<Probe />, place));
    await wait(50);
    expect(place.textContent).toMatch(/does not answer/);
    await wait(1500);
    expect(place.textContent).toBe("got 50");
  });
  it("is asked for again in a table, too", async () => {
    const answers = [() => Promise.reject(new TypeError("Failed to fetch")), async () => new Response('{"columns":["a"],"rows":[["5"]],"first":0}')];
    vi.stubGlobal("fetch", () => answers.shift()!());
    function Probe() {
      const { texts, error } = useTexts(elementsAddress(["a"], "/runs/r"), ["a"], "/runs/r");
      return <p>{error ? error.message : `got ${texts?.rows[0]?.[0]}`}</p>;
    }
    act(() => render(<Probe />, place));
    await wait(50);
    expect(place.textContent).toMatch(/does not answer/);
    await wait(1500);
    expect(place.textContent).toBe("got 5");
  });
});

describe("a question", () => {
  it("is given up after a while where the connection is gone without a word, as when a laptop slept", async () => {
    vi.useRealTimers();
    const limit = new AbortController();
    vi.spyOn(AbortSignal, "timeout").mockReturnValue(limit.signal);
    vi.stubGlobal("fetch", (_: string, options: RequestInit) => new Promise((_done, fail) => options.signal!.addEventListener("abort", () => fail(options.signal!.reason))));
    const asked = get("progress");
    limit.abort(new DOMException("signal timed out", "TimeoutError"));
    await expect(asked).rejects.toThrow(/No answer came in time/);
  });
  it("that a gateway answers with its own page is said to be so", async () => {
    vi.stubGlobal("fetch", async () => new Response("<html>Log in</html>"));
    await expect(get("progress")).rejects.toThrow(/log in again/);
  });
});

describe("updates", () => {
  it("are listened to only while the page is visible: browsers have six connections to an address", () => {
    const open = new Set<object>();
    vi.stubGlobal(
      "EventSource",
      class {
        constructor() {
          open.add(this);
        }
        close(): void {
          open.delete(this);
        }
      },
    );
    const hidden = vi.spyOn(document, "hidden", "get");
    const turn = (to: boolean): void => {
      hidden.mockReturnValue(to);
      document.dispatchEvent(new Event("visibilitychange"));
    };
    turn(false);
    const stop = listen();
    expect(open.size).toBe(1);
    live.value = true;
    turn(true);
    expect([open.size, live.value]).toEqual([0, false]);
    turn(false);
    expect(open.size).toBe(1);
    stop();
    turn(true);
    turn(false);
    expect(open.size).toBe(0);
  });
});
