/** The numbers of the strip as people read them; what is not known is a dash, and the hint says why. */
import type { Progress } from "../api/answers";
import type { Flow } from "../api/flow";
import { count, duration, rate } from "../ui/format";

export const UNKNOWN = "–";

/** Seconds after which the newest result is told to be old: how quickly it came says little of now. */
const OLD = 3;

/** "40 /s". */
export function perSecond(value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : `${rate(value)} /s`;
}

/** Seconds below ten as milliseconds: "6.3 ms", "340 ms". */
export function milliseconds(seconds: number): string {
  if (seconds >= 10) return duration(seconds);
  const ms = seconds * 1000;
  if (ms < 0.1) return "under 0.1 ms";
  return `${ms < 10 ? ms.toFixed(1) : count(ms)} ms`;
}

/** How long the newest result took, and in words what that means. */
export function lagOf(flow: Flow | undefined): { text: string; hint: string } {
  const lag = flow?.lag;
  if (!lag || lag.seconds === null) return { text: UNKNOWN, hint: `Not known: ${lag?.why ?? "nothing was answered yet"}` };
  const ago = lag.seconds_ago ?? 0;
  const hint = `Event ${count(lag.event)} took so long from its last packet to the result; that was ${duration(ago)} ago`;
  return { text: milliseconds(lag.seconds) + (ago > OLD ? `, ${duration(ago)} ago` : ""), hint };
}

/** The share of settled events that are in the result; never rounded up to all. */
export function inResult(now: Progress): string {
  const settled = now.reduced + now.failed + now.lost;
  if (!settled) return UNKNOWN;
  if (now.reduced === settled) return "100 %";
  return `${Math.min(99.9, Math.floor((1000 * now.reduced) / settled) / 10).toFixed(1)} %`;
}
