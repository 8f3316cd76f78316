/**
 * Values of the pipeline that are asked for again and again, while somebody looks at them.
 *
 * A value is asked for only while a component uses it and the page is visible, one question at a time, and the next only after the answer:
 * a slow controller is asked less often, and a hidden page costs nothing. When an answer fails the last one stays, with the error beside it.
 */
import { signal, type ReadonlySignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { errorOf, get } from "./client";

export interface Watched<T> {
  /** The last answer; undefined before the first. */
  readonly value: ReadonlySignal<T | undefined>;
  /** Why the last question was not answered; undefined where it was. */
  readonly error: ReadonlySignal<Error | undefined>;
  /** Begin to ask; returns what ends it. */
  use(): () => void;
  /** Ask at once, as when something was changed from here. */
  again(): void;
}

/** Watch the answer of `question`, `period` ms after the one before. */
export function watch<T>(question: () => Promise<T>, period: number): Watched<T> {
  const value = signal<T | undefined>(undefined);
  const error = signal<Error | undefined>(undefined);
  let users = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking = false;
  let hurried = false;

  async function look(): Promise<void> {
    timer = undefined;
    asking = true;
    hurried = false;
    try {
      value.value = await question();
      error.value = undefined;
    } catch (problem) {
      error.value = errorOf(problem);
    }
    asking = false;
    schedule(hurried ? 0 : period);
  }
  function schedule(delay: number): void {
    if (users > 0 && !asking && !document.hidden) {
      clearTimeout(timer);
      timer = setTimeout(() => void look(), delay);
    }
  }
  function again(): void {
    hurried = true;
    schedule(0);
  }
  function turned(): void {
    if (!document.hidden) schedule(0);
  }
  return {
    value,
    error,
    use() {
      if (users++ === 0) {
        document.addEventListener("visibilitychange", turned);
        schedule(0);
      }
      return () => {
        if (--users === 0) {
          document.removeEventListener("visibilitychange", turned);
          clearTimeout(timer);
          timer = undefined;
        }
      };
    },
    again,
  };
}

/** Watch what the API answers at `path`. */
export function watchPath<T>(path: string, period: number): Watched<T> {
  return watch(() => get<T>(path), period);
}

/** In a component: the last answer, asked for while the component is shown. */
export function useWatched<T>(watched: Watched<T>): T | undefined {
  useEffect(() => watched.use(), [watched]);
  return watched.value.value;
}
