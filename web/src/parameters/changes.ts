/** What changed from one set of parameters to the next. */
import type { Epoch } from "../api/answers";

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
  /** Against the epoch before it; empty for the first. */
  readonly changes: readonly Change[];
}

/** The epochs of a run, the newest first. */
export function history(epochs: readonly Epoch[]): Step[] {
  return epochs.map((epoch, index) => ({ epoch, changes: index ? changes(epochs[index - 1]!.values, epoch.values) : [] })).reverse();
}

/** A value as people write it. */
export function written(value: unknown): string {
  return typeof value === "string" ? value : value === undefined ? "not set" : JSON.stringify(value);
}
