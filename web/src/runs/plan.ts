/** A run in the words of the form: what stands in its fields, what is asked of the controller for it, and what it is in a sentence. */
import type { Config } from "../api/answers";
import { count } from "../ui/format";

/** As /api/v1/plan takes it. */
export interface Plan {
  readonly streams?: readonly string[];
  readonly events?: number;
  readonly size?: number;
  readonly share?: number;
  readonly every?: Readonly<Record<string, number>>;
  /** Of so many events one is for the debug workers, too. */
  readonly debug_every?: number;
  readonly like?: string;
}

export type Kind = "each" | "batches" | "windows";

/** The fields of the form, as they were typed. */
export interface Draft {
  readonly kind: Kind;
  /** Streams that do not take part. */
  readonly left: readonly string[];
  /** Events for each packet, of slow streams. */
  readonly every: Readonly<Record<string, string>>;
  readonly events: string;
  readonly endless: boolean;
  readonly size: string;
  readonly share: string;
  /** One in so many events is for the debug workers; empty for none. */
  readonly debugEvery: string;
  /** The run that it is to be like; empty for none. */
  readonly like: string;
  readonly maxFailed: string;
  readonly idle: string;
}

export const FIRST: Draft = { kind: "each", left: [], every: {}, events: "1000", endless: false, size: "10", share: "1", debugEvery: "", like: "", maxFailed: "", idle: "" };

/** What a map may name: the streams that are there, and in the place of all of its streams a detector that has several. */
export function nameable(there: Pick<Config, "ingesters" | "detectors">): string[] {
  const streams = new Set(there.ingesters.flatMap((one) => one.streams));
  const whole = Object.entries(there.detectors).filter(([, tiles]) => tiles.every((one) => streams.has(one)));
  const tiles = new Set(whole.flatMap(([, own]) => own));
  return [...whole.map(([name]) => name), ...[...streams].filter((one) => !tiles.has(one))].sort();
}

export function whole(text: string): number | undefined {
  const plain = text.replace(/[\s,]/g, "");
  return /^\d+$/.test(plain) && Number(plain) > 0 ? Number(plain) : undefined;
}

/** What the form asks for; a sentence where it cannot be asked for yet. */
export function planOf(draft: Draft, streams: readonly string[]): Plan | string {
  if (draft.like) return { like: draft.like };
  const chosen = streams.filter((one) => !draft.left.includes(one));
  if (!streams.length) return "No ingester takes part, so that there are no streams to choose from. Start one.";
  if (!chosen.length) return "Choose at least one stream.";
  const endless = draft.endless && draft.kind !== "windows";
  const events = whole(draft.events);
  if (!endless && events === undefined) return "Say how many events there are: a whole number from 1 on.";
  const size = draft.kind === "batches" ? whole(draft.size) : 1;
  if (size === undefined) return "Say how many events go to the same worker: a whole number from 1 on.";
  const share = draft.kind === "windows" ? whole(draft.share) : 0;
  if (share === undefined) return "Say how many frames neighbouring windows share: a whole number from 1 on.";
  const slow = draft.kind === "windows" ? [] : chosen.filter((one) => (draft.every[one] ?? "").trim() !== "");
  const every = slow.map((one) => [one, whole(draft.every[one]!)] as const);
  const wrong = every.find(([, interval]) => interval === undefined);
  if (wrong) return `Say in how many events ${wrong[0]} has one packet: a whole number from 1 on.`;
  const debugs = draft.debugEvery.trim() !== "" && draft.kind !== "windows";
  const debugEvery = debugs ? whole(draft.debugEvery) : 0;
  if (debugEvery === undefined) return "Say of how many events one is for the debug worker: a whole number from 1 on.";
  return {
    streams: chosen,
    ...(debugEvery ? { debug_every: debugEvery } : {}),
    ...(endless ? {} : { events: events! }),
    ...(size > 1 ? { size } : {}),
    ...(share ? { share } : {}),
    ...(every.some(([, interval]) => interval! > 1) ? { every: Object.fromEntries(every.map(([name, interval]) => [name, interval!])) } : {}),
  };
}

/** What is put behind the address that arms. */
export function limitsOf(draft: Draft): string {
  const query = new URLSearchParams();
  if (draft.maxFailed.trim()) {
    query.set("max_failed", draft.maxFailed.trim());
    query.set("on_max_failed", "stop");
  }
  if (draft.idle.trim()) query.set("idle_limit", draft.idle.trim());
  const text = query.toString();
  return text && `?${text}`;
}

/** What a plan does, in a sentence. */
export function told(plan: Plan): string {
  if (plan.like) return `The trigger map of run ${plan.like.slice(0, 8)} again.`;
  const events = plan.events === undefined ? "Events until it is stopped" : `${count(plan.events)} ${plan.events === 1 ? "event" : "events"}`;
  const whom = plan.share
    ? `; each worker sees windows of ${plan.share + 1} frames whole, of which neighbours share ${plan.share}`
    : (plan.size ?? 1) > 1
      ? `; ${count(plan.size)} in a row go to the same worker`
      : "; each goes to the next free worker";
  const slow = Object.entries(plan.every ?? {}).map(([name, interval]) => `${name} has a packet every ${count(interval)} events`);
  const raw = !plan.debug_every ? "" : plan.debug_every === 1 ? "; all are for the debug worker, too" : `; one in ${count(plan.debug_every)} is for the debug worker, too`;
  return `${events}${whom}${slow.length ? `; ${slow.join(", ")}` : ""}${raw}. An event for the beginning and one for the end are added.`;
}
