/** A run in words. */
import type { Edition, MadeAgain, RunLine } from "../api/answers";

export function nameOf(run: RunLine): string {
  return run.run.slice(0, 8);
}

/** "complete", or why not. */
export function outcomeOf(run: RunLine): string {
  const words = run.stopped ? `${run.outcome}: ${run.stopped}` : run.outcome;
  return run.degraded ? `${words}; ${run.degraded}` : words;
}

/** "edition 1, spectra:Worker, files 2b8a90be114f, commit 9c1e0c5d: events 1234-5000". */
export function madeBy(one: Edition): string {
  const commit = one.code.commit_hash;
  const what = [`edition ${one.edition}`, ...one.classes, one.digest && `files ${one.digest}`, commit && `commit ${commit.replace(/^([0-9a-f]{8})[0-9a-f]+/, "$1")}`];
  return `${what.filter(Boolean).join(", ")}: ${one.events ? `events ${one.events}` : "no event yet"}`;
}

/** What was changed for a result that was made again: "threshold 5, events 0:100"; empty where nothing was. */
export function changesOf(changed: Record<string, unknown> | undefined): string {
  return Object.entries(changed ?? {})
    .map(([name, value]) => `${name.replace(/^:/, "")} ${String(value)}`)
    .join(", ");
}

/** How far a result is that is being made again. */
export function makingOf(one: MadeAgain): string {
  const what = changesOf(one.changed);
  const far = one.total > 0 ? `${Math.floor((100 * Math.min(one.done, one.total)) / one.total)} %` : "it begins";
  return `The result of run ${one.again_of.slice(0, 8)} is being made again${what ? ` with ${what}` : ""}: ${far}. It is listed here once it is whole.`;
}
