/** Whether the page is dark now, as the system of who looks at it wishes. */
import { useEffect, useState } from "preact/hooks";

const WISH = "(prefers-color-scheme: dark)";

export function useDark(): boolean {
  const [dark, setDark] = useState(() => matchMedia(WISH).matches);
  useEffect(() => {
    const wish = matchMedia(WISH);
    const look = (): void => setDark(wish.matches);
    wish.addEventListener("change", look);
    return () => wish.removeEventListener("change", look);
  }, []);
  return dark;
}
