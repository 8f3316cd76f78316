/** Elements as texts with all their digits, as the reducer tells them: asked for again when they have changed. */
import { useEffect, useState } from "preact/hooks";
import { errorOf, getRaw } from "../api/client";
import { askedAgain, questionOf } from "./outline";
import { concerns, newest } from "./updates";

export interface Texts {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Of the first row in the dataset. */
  readonly first: number;
  /** The shape of the first dataset. */
  readonly whole: readonly number[];
}

const SHORTEST_MS = 250;
/** Until what was not answered is asked for again. */
const AGAIN_MS = 1000;

export function elementsAddress(paths: readonly string[], domain: string, asked: Record<string, string | undefined> = {}): string {
  const query = new URLSearchParams(paths.map((path) => ["path", path]));
  for (const [name, value] of Object.entries(asked)) if (value !== undefined) query.set(name, value);
  return questionOf("elements", domain, query);
}

/** In a component: the texts at an address of `elementsAddress`, kept up to date while it is shown. */
export function useTexts(address: string, paths: readonly string[], domain: string): { texts: Texts | undefined; error: Error | undefined } {
  const [state, setState] = useState<{ texts: Texts | undefined; error: Error | undefined }>({ texts: undefined, error: undefined });
  useEffect(() => {
    const over = new AbortController();
    let [asking, dirty] = [false, true];
    let tag: string | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    async function ask(): Promise<void> {
      if (asking || !dirty || document.hidden || over.signal.aborted) return;
      [asking, dirty] = [true, false];
      let failed = false;
      try {
        const answer = await getRaw(address, tag ? { "If-None-Match": tag } : {}, over.signal);
        if (answer.status !== 304) {
          const whole = (answer.headers.get("x-beamloom-shape") ?? "").split(",").filter(Boolean).map(Number);
          const texts = (await answer.json()) as Omit<Texts, "whole">;
          tag = answer.headers.get("etag");
          setState({ texts: { ...texts, whole }, error: undefined });
        } else setState((before) => (before.error ? { ...before, error: undefined } : before));
      } catch (problem) {
        if (over.signal.aborted) return;
        setState((before) => ({ ...before, error: errorOf(problem) }));
        // No update may come that would have it asked for: a run that has ended does not change.
        dirty = failed = true;
      }
      timer = setTimeout(() => {
        asking = false;
        void ask();
      }, failed ? AGAIN_MS : SHORTEST_MS);
    }
    function turned(): void {
      dirty = true;
      void ask();
    }
    const stop = newest.subscribe((update) => {
      if (domain === "/" && update && paths.some((path) => concerns(update, path))) dirty = true;
      void ask();
    });
    document.addEventListener("visibilitychange", turned);
    const asked = askedAgain(domain, turned);
    return () => {
      over.abort();
      stop();
      clearInterval(asked);
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", turned);
    };
  }, [address]);
  return state;
}
