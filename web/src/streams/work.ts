/** What is to be said of one process: where its time goes, and what it does at this moment. */
import type { Process } from "../api/answers";
import type { Kept, ProcessLoad, Wait } from "../api/flow";
import { bytes, duration } from "../ui/format";
import type { Fill, Said } from "./stream";

/** Of the time of a process, in the order in which they stand in its bar, with the words for people. */
export const STAGES: readonly (readonly [string, string])[] = [
  ["user", "user code"],
  ["receiving", "assembling"],
  ["reading", "reading the device"],
  ["sending", "sending"],
  ["other", "other"],
  ["waiting", "waiting"],
];

export interface Part {
  readonly name: string;
  readonly words: string;
  /** Of 1. */
  readonly share: number;
}

/** The shares of the time of the last seconds; empty where nothing is known yet. */
export function shares(load: ProcessLoad | undefined): Part[] {
  const total = load?.seconds ?? 0;
  if (!load || total <= 0) return [];
  return STAGES.map(([name, words]) => ({ name, words, share: (load.stages[name] ?? 0) / total })).filter((one) => one.share > 0);
}

export function percent(share: number): string {
  return share > 0 && share < 0.01 ? "under 1 %" : `${Math.round(100 * share)} %`;
}

const DOES: Record<string, (wait: Wait) => string> = {
  "user code": (wait) => `in user code with event ${wait.about}`,
  packets: (wait) => `waits for packets of event ${wait.about}`,
  lease: () => "waits for work",
  reducer: () => "waits for the reducer",
  parameters: () => "waits for parameters",
  results: () => "waits for results",
  device: (wait) => `waits for ${wait.about}`,
  room: (wait) => `${wait.about}: no room`,
  run: () => "no run",
};

/** Waits shorter than this (s) are how work goes, and not worth a time. */
const WORTH_TELLING = 2;
/** What a process waits for again and again, so that a time would not be that of one wait. */
const COMES_AGAIN = ["run", "results", "lease", "device"];

/** What a process does, from what it said last; `now` is Unix time (s). */
export function does(process: Process, load: ProcessLoad | undefined, kept: Kept | undefined, now: number): Said {
  if (process.fault) return { tone: "trouble", text: "cannot work", why: process.fault };
  if (process.drains) return { tone: "warning", text: "drains", why: `${process.drains}; it ends after the event that it is in` };
  if (kept?.state === "stopping") return { tone: "warning", text: "stopping", why: "it ends after the event that it is in" };
  const waits = load?.waits ?? [];
  const wait = waits.find((one) => one.stalled) ?? waits[0];
  if (!wait) return { tone: "good", text: "works" };
  const since = now - wait.since;
  const text = (DOES[wait.what]?.(wait) ?? wait.why) + (since >= WORTH_TELLING && (wait.stalled || !COMES_AGAIN.includes(wait.what)) ? ` for ${duration(since)}` : "");
  if (wait.stalled || wait.what === "reducer" || wait.what === "room") return { tone: "warning", text, why: wait.why };
  return { tone: wait.what === "run" ? "idle" : "good", text };
}

/** A worker that is kept alive and does not take part now. */
export function absent(kept: Kept): Said {
  if (kept.state === "given up") return { tone: "trouble", text: "given up", why: kept.message };
  if (kept.state === "running") return { tone: "idle", text: "starting" };
  return { tone: "warning", text: kept.state, why: kept.message };
}

/** Its memory, of the limit where it has one. */
export function memory(load: ProcessLoad | undefined): Fill {
  const used = load?.memory_bytes;
  if (!used) return { share: null, text: "–", tone: "good" };
  const limit = load.memory_limit;
  if (!limit) return { share: null, text: bytes(used), tone: "good" };
  const share = used / limit;
  return { share, text: `${bytes(used)} of ${bytes(limit)}`, tone: share >= 0.9 ? "trouble" : share >= 0.75 ? "warning" : "good" };
}

/** The shares in words: "62 % user code, 38 % waiting". */
export function inWords(parts: readonly Part[]): string {
  return parts.map((one) => `${percent(one.share)} ${one.words}`).join(", ");
}

/** The stage that takes most. */
export function most(parts: readonly Part[]): string {
  const first = [...parts].sort((one, other) => other.share - one.share)[0];
  return first ? `${percent(first.share)} ${first.words}` : "–";
}

/** "worker-1 on vm, process 4711". */
export function whereabouts(process: Process): string {
  return `${process.host}, process ${process.pid}`;
}

