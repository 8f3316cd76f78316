/** Going from one trouble to the next: where events begin that failed, are lost, or were given out again. */
import type { RunWeave } from "./answer";

const TROUBLE: Readonly<Record<string, string>> = { failed: "failed", quarantined: "failed", lost: "lost", dropped: "lost", orphaned: "again" };

/** What is unusual about an event; empty where nothing is. */
export function unusual(seen: RunWeave, event: number): string {
  const place = event - seen.first;
  const stage = TROUBLE[seen.stage_names[seen.stages[place] ?? -1] ?? ""] ?? "";
  return stage + ((seen.attempt[place] ?? 0) > 1 ? " again" : "");
}

/** Where the next ones begin behind `event`, or, with `step` -1, before it; undefined: there are none. */
export function nextUnusual(seen: RunWeave, event: number, step: 1 | -1): number | undefined {
  const begin = step > 0 ? Math.max(event + 1, seen.first) : Math.min(event - 1, seen.stop - 1);
  for (let at = begin; at >= seen.first && at < seen.stop; at += step) {
    const here = unusual(seen, at);
    if (here && (at === seen.first || unusual(seen, at - 1) !== here)) return at;
  }
  return (step > 0 ? seen.unusual_after : seen.unusual_before) ?? undefined;
}
