/** A run in words. */
import type { RunLine } from "../api/answers";

export function nameOf(run: RunLine): string {
  return run.run.slice(0, 8);
}

/** "complete", or why not. */
export function outcomeOf(run: RunLine): string {
  const words = run.stopped ? `${run.outcome}: ${run.stopped}` : run.outcome;
  return run.degraded ? `${words}; ${run.degraded}` : words;
}
