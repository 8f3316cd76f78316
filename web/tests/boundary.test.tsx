import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Boundary } from "../src/ui/boundary";

let place: HTMLElement;
beforeEach(() => {
  vi.useFakeTimers();
  place = document.createElement("div");
});
afterEach(() => {
  act(() => render(null, place));
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function wait(ms: number): Promise<void> {
  await act(async () => void (await vi.advanceTimersByTimeAsync(ms)));
}

describe("a part of the page that cannot be drawn", () => {
  it("leaves the others, says so, and is tried again", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    let broken = true;
    function Part() {
      if (broken) throw new TypeError("shape is undefined");
      return <p>well</p>;
    }
    act(() =>
      render(
        <div>
          <Boundary>
            <Part />
          </Boundary>
          <p>beside</p>
        </div>,
        place,
      ),
    );
    await wait(10);
    expect(place.textContent).toMatch(/cannot be drawn now: shape is undefined.*beside/);
    await wait(2500);
    expect(place.textContent).toMatch(/cannot be drawn/);
    broken = false;
    await wait(2500);
    expect(place.textContent).toBe("wellbeside");
  });
});
