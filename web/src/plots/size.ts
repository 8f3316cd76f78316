/** The size of an element on the page, as it changes. */
import { useEffect, useState } from "preact/hooks";
import type { RefObject } from "preact";

export function useSize(element: RefObject<HTMLElement | null>): { width: number; height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const watched = element.current;
    if (!watched) return;
    const observer = new ResizeObserver(() => {
      const { width, height } = watched.getBoundingClientRect();
      setSize((before) => (before.width === width && before.height === height ? before : { width, height }));
    });
    observer.observe(watched);
    return () => observer.disconnect();
  }, []);
  return size;
}
