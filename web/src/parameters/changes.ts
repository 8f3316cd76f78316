/** What changed from one set of parameters to the next. */
import type { Epoch, Epochs } from "../api/answers";
import { storedAsText, storedOf } from "./stored";

export interface Change {
  readonly name: string;
  readonly before: unknown;
  readonly after: unknown;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** By name; values that are new have no `before`. */
export function changes(before: Record<string, unknown>, after: Record<string, unknown>): Change[] {
  return Object.keys({ ...before, ...after })
    .filter((name) => !same(before[name], after[name]))
    .sort()
    .map((name) => ({ name, before: before[name], after: after[name] }));
}

export interface Step {
  readonly epoch: Epoch;
  /** The last event that it held for; undefined while it holds. */
  readonly last?: number;
  /** Against the epoch before it; empty for the first. */
  readonly changes: readonly Change[];
}

/** The epochs of a run, the newest first; of more than are told (`count`) the oldest one that is told only tells what changed after it. */
export function history(epochs: readonly Epoch[], count = epochs.length): Step[] {
  const steps = epochs
    .map((epoch, index) => {
      const next = epochs[index + 1];
      return {
        epoch,
        ...(next ? { last: next.first_event - 1 } : {}),
        changes: index ? changes(epochs[index - 1]!.values, epoch.values) : [],
      };
    })
    .reverse();
  return count > epochs.length ? steps.slice(0, -1) : steps;
}

/** What was set since the run has ended, and holds from the next one on. */
export function pending(now: Epochs): Change[] {
  const last = now.epochs.at(-1);
  return last && last.epoch !== now.epoch ? changes(last.values, now.values) : [];
}

/** A value as people write it. */
export function written(value: unknown): string {
  const stored = storedOf(value);
  if (stored) return storedAsText(stored);
  if (typeof value === "string") return value;
  return value === undefined ? "not set" : JSON.stringify(value).replaceAll(",", ", ");
}

/** The same in a sentence, where an empty text has to be seen. */
export function said(value: unknown): string {
  return written(value) || "nothing";
}
