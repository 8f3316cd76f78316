/** How data flows, and who works: what the controller answers, and the values that are watched. */
import { watchPath } from "./watch";

export interface Layout {
  shape?: number[];
  dtype?: string;
  fields?: string[];
  problem?: string;
}

/** One stream at this moment; all but the first few are there in a run alone. */
export interface StreamFlow {
  device: string;
  ingesters: string[];
  answered: boolean;
  state: string;
  why?: string;
  layout?: Layout | null;
  last_number?: number | null;
  seconds_since_last?: number | null;
  packet_bytes?: number | null;
  packets_per_second?: number | null;
  bytes_per_second?: number | null;
  retained_bytes?: number | null;
  retention_limit?: number | null;
  retained_packets?: number | null;
  spooled_events?: number | null;
  on_full?: string;
}

export interface Lag {
  seconds: number | null;
  event: number | null;
  seconds_ago: number | null;
  why: string | null;
}

export interface Flow {
  run: string | null;
  at: number;
  started_at: number | null;
  finished: boolean;
  rate_in: number | null;
  rate_out: number | null;
  lag: Lag;
  streams: Record<string, StreamFlow>;
}

export interface Wait {
  what: string;
  about: string;
  why: string;
  since: number;
  stalled: boolean;
}

export interface ProcessLoad {
  role: string;
  seconds: number;
  stages: Record<string, number>;
  memory_bytes?: number;
  memory_limit?: number;
  waits: Wait[];
}

/** A worker as the process sees it that has started it. */
export interface Kept {
  name: string;
  pid: number | null;
  state: string;
  uptime: number | null;
  restarts: number;
  message: string;
}

export interface Staff {
  can_start: boolean;
  why_not: string | null;
  kinds: { class: string; tags: string[] }[];
  workers: Kept[];
}

export const flow = watchPath<Flow>("flow", 1000);
export const load = watchPath<Record<string, ProcessLoad>>("load?stages=true&seconds=5", 1000);
export const staff = watchPath<Staff>("workers", 1500);
