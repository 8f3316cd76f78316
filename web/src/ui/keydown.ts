/**
 * Keys that mean something wherever the focus is, but in fields and with Ctrl, Alt or Meta.
 *
 * They are heard from the moment that there is something to see: an effect would begin a frame later, and what is
 * pressed in between would do nothing.
 */
import { useLayoutEffect, useRef } from "preact/hooks";
import { typing } from "./typing";

export function useKeydown(listen: (event: KeyboardEvent) => void): void {
  const latest = useRef(listen);
  latest.current = listen;
  useLayoutEffect(() => {
    const hear = (event: KeyboardEvent): void => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target)) latest.current(event);
    };
    addEventListener("keydown", hear);
    return () => removeEventListener("keydown", hear);
  }, []);
}
