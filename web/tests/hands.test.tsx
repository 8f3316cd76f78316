import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { STRAIGHT } from "../src/plots/along";
import { Pane, type PaneProps } from "../src/plots/pane";
import { LookForm, type Look } from "../src/plots/scale";
import { place, setQuery } from "../src/route";

let page: HTMLElement;
beforeEach(() => {
  page = document.createElement("div");
  document.body.append(page);
});
afterEach(() => {
  act(() => render(null, page));
  page.remove();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const LOOK: Look = { map: "viridis", log: false, square: true };

describe("the field of a level", () => {
  function shown(high: number, onLook: (look: Look) => void): HTMLInputElement {
    act(() => render(<LookForm look={LOOK} levels={{ low: 0, high }} onLook={onLook} />, page));
    return page.querySelectorAll<HTMLInputElement>("input.level")[1]!;
  }
  it("keeps what somebody types while results come", () => {
    const looks: Look[] = [];
    const field = shown(100, (look) => looks.push(look));
    field.focus();
    field.value = "5";
    act(() => void field.dispatchEvent(new Event("input", { bubbles: true })));
    shown(250, (look) => looks.push(look));
    expect(field.value).toBe("5");
    act(() => void field.dispatchEvent(new Event("change", { bubbles: true })));
    expect(looks.map((one) => one.levels)).toEqual([{ low: 0, high: 5 }]);
  });
  it("takes back what is no number", () => {
    const field = shown(100, () => undefined);
    field.value = "abc";
    act(() => void field.dispatchEvent(new Event("input", { bubbles: true })));
    act(() => void field.dispatchEvent(new Event("change", { bubbles: true })));
    expect(field.value).toBe("100");
  });
  it("tells levels apart that are near to each other", () => {
    act(() => render(<LookForm look={LOOK} levels={{ low: 10_000.1, high: 10_000.4 }} onLook={() => undefined} />, page));
    expect([...page.querySelectorAll<HTMLInputElement>("input.level")].map((one) => one.value)).toEqual(["10000.1", "10000.4"]);
  });
});

describe("a plot under the hands", () => {
  const whole = { x: 0, y: 0, width: 100, height: 100 };
  function drawn(more: Partial<PaneProps> = {}): HTMLCanvasElement {
    const props: PaneProps = { whole, least: 1, square: false, up: false, x: STRAIGHT, y: STRAIGHT, xLabel: "", yLabel: "", label: "", paint: () => undefined, painted: [], says: () => "", ...more };
    act(() => render(<Pane {...props} />, page));
    const canvas = page.querySelector("canvas")!;
    canvas.setPointerCapture = () => undefined;
    return canvas;
  }
  const seen = (): string | undefined => page.querySelector("canvas")!.dataset["seen"];
  const key = (more: KeyboardEventInit): KeyboardEvent => new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...more });

  it("zooms by + but leaves Ctrl and + to the browser", () => {
    const canvas = drawn();
    const ofBrowser = key({ key: "+", ctrlKey: true });
    act(() => void canvas.dispatchEvent(ofBrowser));
    expect([ofBrowser.defaultPrevented, seen()]).toEqual([false, "0,0,100,100"]);
    act(() => void canvas.dispatchEvent(key({ key: "+" })));
    expect(seen()).not.toBe("0,0,100,100");
  });
  it("does not zoom by a wheel that turns sideways", () => {
    const canvas = drawn();
    act(() => void canvas.dispatchEvent(new WheelEvent("wheel", { deltaX: 40, deltaY: 0, bubbles: true, cancelable: true })));
    expect(seen()).toBe("0,0,100,100");
  });
  it("is not dragged by the button that opens a menu, nor after the button was let go elsewhere", () => {
    const canvas = drawn({ seen: { x: 40, y: 40, width: 20, height: 20 } });
    const pointer = (type: string, more: PointerEventInit): void => {
      act(() => void canvas.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 1, pointerType: "mouse", ...more })));
    };
    const before = seen();
    pointer("pointerdown", { button: 2, buttons: 2, clientX: 0, clientY: 0 });
    pointer("pointermove", { buttons: 0, clientX: 30, clientY: 30 });
    expect(seen()).toBe(before);
    pointer("pointerdown", { button: 0, buttons: 1, clientX: 0, clientY: 0 });
    pointer("pointermove", { buttons: 0, clientX: 30, clientY: 30 });
    expect(seen()).toBe(before);
  });
});

describe("the address", () => {
  it("follows later where a browser does not take so many changes", () => {
    vi.useFakeTimers();
    const replace = vi.spyOn(history, "replaceState").mockImplementation(() => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    });
    setQuery({ at: "1" });
    setQuery({ at: "2" });
    expect(place.value.query.get("at")).toBe("2");
    const written: unknown[] = [];
    replace.mockImplementation((_state, _title, hash) => void written.push(hash));
    vi.advanceTimersByTime(3000);
    expect(written).toEqual(["#?at=2"]);
  });
});
