/** Asking for the weave: the window that is looked at, again while the run goes on, and once when it is over. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import { get } from "../api/client";
import { watch, type Watched } from "../api/watch";
import type { RunWeave } from "./answer";

export interface Asked {
  /** Empty: the run that goes on, or the last one. */
  readonly run: string;
  /** Undefined: the newest events. */
  readonly from: number | undefined;
  readonly count: number;
  /** Bins of the whole run; 0 for none. */
  readonly bins: number;
}

export function pathOf(asked: Asked): string {
  const query = new URLSearchParams({ count: String(asked.count) });
  if (asked.run) query.set("run", asked.run);
  if (asked.from !== undefined) query.set("from", String(asked.from));
  if (asked.bins) query.set("bins", String(asked.bins));
  return `weave?${query}`;
}

/**
 * In a component: what the controller answers to `asked`, every `period` ms. What cannot change is not asked again: `stamp` changes when
 * another run begins or this one ends. Nothing is asked while `asked` is undefined.
 */
export function useWeave(asked: Asked | undefined, period: number, stamp: string): Watched<RunWeave | undefined> {
  const latest = useRef({ asked, stamp });
  latest.current = { asked, stamp };
  const watched = useMemo(() => {
    let known: { key: string; answer: RunWeave } | undefined;
    return watch(async () => {
      const { asked: now, stamp: when } = latest.current;
      if (!now) return known?.answer;
      const key = `${pathOf(now)} ${when}`;
      if (known?.key === key && known.answer.over) return known.answer;
      const answer = await get<RunWeave>(pathOf(now));
      known = { key, answer };
      return answer;
    }, period);
  }, [period]);
  useEffect(() => watched.use(), [watched]);
  const key = asked && `${pathOf(asked)} ${stamp}`;
  useEffect(() => {
    if (key) watched.again();
  }, [key, watched]);
  return watched;
}
