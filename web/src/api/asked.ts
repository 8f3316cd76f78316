/** What is asked for once, and again only where it was not answered. */
import { useEffect, useState } from "preact/hooks";
import { errorOf } from "./client";

const AGAIN_MS = 2000;

export interface Asked<T> {
  /** The newest answer, which may be that of an earlier key. */
  readonly answer: T | undefined;
  /** Why the newest question was not answered. */
  readonly error: Error | undefined;
  /** Of the answer or the error; undefined before the first. */
  readonly key: string | undefined;
}

/** In a component: the answer to `question`, asked for each `key`; nothing is asked for the empty one. */
export function useAsked<T>(key: string, question: () => Promise<T>): Asked<T> {
  const [state, setState] = useState<Asked<T>>({ answer: undefined, error: undefined, key: undefined });
  useEffect(() => {
    if (!key) return;
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    function ask(): void {
      question().then(
        (answer) => (over ? undefined : setState({ answer, error: undefined, key })),
        (problem: unknown) => {
          if (over) return;
          setState((before) => ({ ...before, error: errorOf(problem), key }));
          timer = setTimeout(ask, AGAIN_MS);
        },
      );
    }
    ask();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [key]);
  return state;
}
