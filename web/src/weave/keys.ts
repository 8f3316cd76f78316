/** The keys of the weave: arrows, + and -, Enter, f, n, p and Escape, wherever the focus is, but in fields. */
import { useKeydown } from "../ui/keydown";

export interface Keys {
  /** Go on by so many events. */
  step(events: number): void;
  zoom(factor: number): void;
  open(): void;
  follow(): void;
  /** To the next trouble, or to the one before. */
  trouble(step: 1 | -1): void;
  close(): void;
}

const FIELDS = "input, select, textarea, [contenteditable]";
const OWN_ENTER = "a, button, summary, " + FIELDS;

function onKey(event: KeyboardEvent, keys: Keys): boolean {
  const target = event.target instanceof HTMLElement ? event.target : document.body;
  if (event.defaultPrevented || target.closest(FIELDS)) return false;
  switch (event.key) {
    case "ArrowLeft":
    case "ArrowRight":
      keys.step((event.key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 10 : 1));
      return true;
    case "+":
    case "=":
      keys.zoom(0.5);
      return true;
    case "-":
      keys.zoom(2);
      return true;
    case "Enter":
      if (target.closest(OWN_ENTER)) return false;
      keys.open();
      return true;
    case "f":
      keys.follow();
      return true;
    case "n":
    case "p":
      keys.trouble(event.key === "n" ? 1 : -1);
      return true;
    case "Escape":
      keys.close();
      return true;
    default:
      return false;
  }
}

export function useKeys(keys: Keys): void {
  useKeydown((event) => {
    if (onKey(event, keys)) event.preventDefault();
  });
}
