/** What is to be said of one stream. */
import type { Finding, Stream } from "../api/answers";
import type { Layout, StreamFlow } from "../api/flow";
import { bytes, count, duration } from "../ui/format";

const UNUSUAL: Partial<Record<keyof Stream, string>> = {
  gaps: "missing",
  malformed: "unreadable",
  dropped: "given up",
  duplicates: "came twice",
  late: "late",
  reordered: "put in order",
  restarts: "times begun anew",
  reconnects: "times reconnected",
  discarded_before_start: "before the start",
};

export function unusual(stream: Stream): string[] {
  const words = Object.entries(UNUSUAL)
    .filter(([key]) => Boolean(stream[key as keyof Stream]))
    .map(([key, word]) => `${count(stream[key as keyof Stream] as number)} ${word}`);
  return stream.stalled ? ["stalled", ...words] : words;
}

export interface Said {
  readonly tone: "good" | "warning" | "trouble" | "idle";
  readonly text: string;
  readonly why?: string;
}

const STATES: Record<string, Said> = {
  receiving: { tone: "good", text: "receiving" },
  connected: { tone: "good", text: "connected" },
  complete: { tone: "idle", text: "all packets are here" },
  stopped: { tone: "idle", text: "not read any more" },
  idle: { tone: "idle", text: "no run reads it" },
  connecting: { tone: "warning", text: "connecting" },
  silent: { tone: "warning", text: "silent" },
  full: { tone: "warning", text: "full" },
  disconnected: { tone: "trouble", text: "not connected" },
  faulty: { tone: "trouble", text: "cannot be opened" },
  unknown: { tone: "trouble", text: "not known" },
};

/** Its state as a tone, a few words, and why. */
export function speaks(one: StreamFlow): Said {
  const said = STATES[one.state] ?? { tone: "warning", text: one.state };
  const since = one.state === "silent" && one.seconds_since_last ? `, for ${duration(one.seconds_since_last)}` : "";
  return one.why ? { ...said, why: one.why + since } : said;
}

/** Findings that say better what the state says. */
const SAME = ["stream-stalled", "device-away", "retention-full"];

/** Why a stream is as it is, and what the doctor has to say of it. */
export function reason(why: string | undefined, finding: Finding | undefined): string {
  if (finding && SAME.includes(finding.check)) return finding.what;
  return [why, finding?.what].filter(Boolean).join("; ");
}

/** "256 × 256, uint16", or the names of its values. */
export function carries(layout: Layout | null | undefined): string {
  if (!layout) return "–";
  if (layout.problem) return "cannot be read";
  if (layout.shape) return `${layout.shape.join(" × ")}${layout.shape.length === 1 ? (layout.shape[0] === 1 ? " value" : " values") : ""}, ${layout.dtype}`;
  return layout.fields?.join(", ") || "no values";
}

export interface Fill {
  /** From 0 to 1; null where it is not known. */
  readonly share: number | null;
  readonly text: string;
  readonly tone: "good" | "warning" | "trouble";
}

/** How much of the memory for packets is taken that may have to be sent again. */
export function fill(one: StreamFlow): Fill {
  const { retained_bytes: kept, retention_limit: limit } = one;
  if (kept === undefined || kept === null || !limit) return { share: null, text: "–", tone: "good" };
  const share = kept / limit;
  const disk = one.spooled_events ? `, and ${count(one.spooled_events)} on disk` : "";
  const tone = share >= 0.9 ? "trouble" : share >= 0.6 ? "warning" : "good";
  return { share, text: `${bytes(kept)} of ${bytes(limit)}${disk}`, tone };
}
