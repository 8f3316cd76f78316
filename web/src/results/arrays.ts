/** The arrays that a plot needs, asked for again when they have changed: together, one set at a time, at most ten times a second. */
import { useEffect, useRef, useState } from "preact/hooks";
import { errorOf, getRaw } from "../api/client";
import { readNpy, type NdArray } from "../plots/npy";
import { askedAgain, questionOf } from "./outline";
import { concerns, newest } from "./updates";
import type { Window } from "./wishes";

export interface Wish {
  readonly path: string;
  /** Elements along each of the last axes at the most. */
  readonly most?: readonly number[];
  readonly by?: "mean" | "max";
  /** Which part of it, as `[5,:,:]`. */
  readonly select?: string | undefined;
  /** Of complex numbers. */
  readonly part?: string | undefined;
  /** Where the answer belongs. */
  readonly window?: Window;
}

export interface Answer extends NdArray {
  /** The shape of the whole dataset. */
  readonly whole: readonly number[];
  /** What was asked for: meanwhile it may be something else. */
  readonly wish: Wish;
}

export interface Arrays {
  /** By the names of the wishes; undefined before the first answer. */
  readonly arrays: Record<string, Answer> | undefined;
  readonly error: Error | undefined;
}

const SHORTEST_MS = 100;
/** Until what was not answered is asked for again. */
const AGAIN_MS = 1000;

/** The address of a wish; `domain` is "/" for the present run, "/runs/{run}" for another. */
export function addressOf(wish: Wish, domain: string): string {
  const query = new URLSearchParams({ path: wish.path, domain });
  if (wish.most?.length) query.set("most", wish.most.join(","));
  if (wish.by) query.set("by", wish.by);
  if (wish.select) query.set("select", wish.select);
  if (wish.part) query.set("part", wish.part);
  return questionOf("shown", domain, query);
}

class Fetcher {
  private readonly known = new Map<string, { tag: string; answer: Answer }>();

  async get(wish: Wish, address: string, signal: AbortSignal): Promise<Answer> {
    const before = this.known.get(address);
    const answer = await getRaw(address, before ? { "If-None-Match": before.tag } : {}, signal);
    const tag = answer.headers.get("etag") ?? "";
    if (before && (answer.status === 304 || tag === before.tag)) return before.answer;
    const whole = (answer.headers.get("x-beamloom-shape") ?? "").split(",").filter(Boolean).map(Number);
    const made = { ...readNpy(await answer.arrayBuffer()), whole, wish };
    this.known.set(address, { tag, answer: made });
    return made;
  }
}

/** In a component: the arrays of `wishes`, kept up to date while it is shown. */
export function useArrays(wishes: Record<string, Wish>, domain = "/"): Arrays {
  const [state, setState] = useState<Arrays>({ arrays: undefined, error: undefined });
  const addresses = Object.fromEntries(Object.entries(wishes).map(([name, wish]) => [name, addressOf(wish, domain)]));
  const key = JSON.stringify(addresses);
  const latest = useRef(wishes);
  latest.current = wishes;
  useEffect(() => {
    const fetcher = new Fetcher();
    const over = new AbortController();
    let asking = false;
    let dirty = true;
    let timer: ReturnType<typeof setTimeout> | undefined;

    async function ask(): Promise<void> {
      if (asking || !dirty || document.hidden || over.signal.aborted) return;
      asking = true;
      dirty = false;
      let failed = false;
      const begin = performance.now();
      try {
        const found = await Promise.all(Object.entries(wishes).map(async ([name, wish]) => [name, await fetcher.get(wish, addresses[name]!, over.signal)] as const));
        setState({ arrays: Object.fromEntries(found), error: undefined });
      } catch (problem) {
        if (over.signal.aborted) return;
        setState((before) => ({ arrays: before.arrays, error: errorOf(problem) }));
        // No update may come that would have it asked for: a run that has ended does not change.
        dirty = failed = true;
      }
      timer = setTimeout(() => {
        asking = false;
        void ask();
      }, failed ? AGAIN_MS : Math.max(0, SHORTEST_MS - (performance.now() - begin)));
    }
    function turned(): void {
      dirty = true;
      void ask();
    }
    const stop = newest.subscribe((update) => {
      if (domain === "/" && update && Object.values(latest.current).some((wish) => concerns(update, wish.path))) dirty = true;
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
  }, [key]);
  return state;
}
