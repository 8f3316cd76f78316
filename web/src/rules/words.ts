/** What is said of rules, in short sentences. */
import { count, duration, rate } from "../ui/format";
import type { ChainState, RuleChain, RuleStep, StepErrors, StepState } from "./answers";

/** Beside the colour, which is never the only sign. */
export const SIGNS: Record<StepState, string> = {
  waiting: "…",
  running: "▶",
  gathering: "▶",
  done: "✓",
  failed: "✗",
  skipped: "–",
  cancelled: "–",
};

export const CHAIN_SIGNS: Record<ChainState, string> = { running: "▶", done: "✓", failed: "✗", cancelled: "–" };

/** "30 of 40 frames", "30 frames so far", or nothing where there is nothing yet. */
export function framesOf(step: RuleStep): string {
  const { done, failed, final, released } = step.frames;
  const settled = done + failed;
  if (final === null) return released ? `${count(settled)} frames so far` : step.state === "running" ? "no frames yet" : "";
  return `${count(settled)} of ${count(final)} ${final === 1 ? "frame" : "frames"}`;
}

/** "12 frames/s, 3 s to go". */
export function paceOf(step: RuleStep): string {
  if (step.state === "gathering") return "puts the results together";
  if (step.state === "running") {
    const words = [step.rate === null ? "" : `${rate(step.rate)} frames/s`, step.eta === null ? "" : `${duration(step.eta)} to go`];
    return words.filter(Boolean).join(", ");
  }
  return step.started !== null && step.ended !== null ? `took ${duration(step.elapsed)}` : "";
}

/** "frames 0 to 9 and 20 to 29". */
export function rangesOf(error: StepErrors): string {
  const shown = error.frames.slice(0, 8).map(([start, stop]) => (stop - start === 1 ? count(start) : `${count(start)} to ${count(stop - 1)}`));
  const more = error.frames.length - shown.length;
  return shown.length ? `frames ${shown.join(", ")}${more > 0 ? ` and ${count(more)} more ranges` : ""}` : "";
}

/** "3 chunks given up" or "1 chunk, tried again". */
export function chunksOf(error: StepErrors): string {
  const chunks = (number: number): string => `${count(number)} ${number === 1 ? "chunk" : "chunks"}`;
  const again = error.chunks - error.given_up;
  const words = [error.given_up ? `${chunks(error.given_up)} given up` : "", again ? `${chunks(again)} tried again` : ""];
  return words.filter(Boolean).join(", ");
}

/** "2 of 3 rules done, 10 frames failed". */
export function summaryOf(chain: RuleChain): string {
  const done = chain.steps.filter((step) => step.state === "done").length;
  const failed = chain.steps.reduce((sum, step) => sum + step.frames.failed, 0);
  const said = `${count(done)} of ${count(chain.steps.length)} ${chain.steps.length === 1 ? "rule" : "rules"} done`;
  return failed ? `${said}, ${count(failed)} frames failed` : said;
}

/** From the beginning to the end of the last step; to now where it goes on. */
export function tookOf(chain: RuleChain, now = Date.now() / 1000): number {
  const ends = chain.steps.map((step) => step.ended).filter((end) => end !== null);
  return Math.max(0, (chain.state === "running" || !ends.length ? now : Math.max(...ends)) - chain.created);
}
