/** What is to be said of the pipeline in one sentence, and of which colour that is. */
import type { Diagnosis, Progress } from "../api/answers";
import { count } from "../ui/format";

export type Tone = "good" | "warning" | "trouble" | "idle" | "unknown";

export interface Say {
  readonly tone: Tone;
  readonly text: string;
  /** What to do, where something is to be done. */
  readonly todo?: string;
  /** What else is wrong, each in a sentence with what to do. */
  readonly others?: readonly string[];
  /** What is over, and somebody may want to know. */
  readonly note?: string;
}

function missing(failed: number, lost: number): string {
  const words = [failed ? `${count(failed)} failed` : "", lost ? `${count(lost)} ${lost === 1 ? "is" : "are"} lost` : ""].filter(Boolean);
  const one = failed + lost === 1;
  return `${count(failed + lost)} ${one ? "event is" : "events are"} not in the result: ${words.join(", ")}.`;
}

/** Green is said only of a pipeline that answered just now, in which the doctor finds nothing but what is over. */
export function say(progress: Progress | undefined, doctor: Diagnosis | undefined, away: Error | undefined): Say {
  const said = now(progress, doctor, away);
  const note = doctor?.findings.find((one) => one.gravity === "note");
  return note && (said.tone === "good" || said.tone === "idle") ? { ...said, note: capital(note.what) + "." } : said;
}

function now(progress: Progress | undefined, doctor: Diagnosis | undefined, away: Error | undefined): Say {
  if (away) return { tone: "unknown", text: `${away.message} What is shown is how things were.` };
  if (!progress || !doctor) return { tone: "unknown", text: "Asking the controller…" };
  const worst = doctor.findings.find((one) => one.gravity === "trouble") ?? doctor.findings.find((one) => one.gravity === "warning");
  if (worst) {
    const others = doctor.findings.filter((one) => one.gravity !== "note" && one !== worst);
    return {
      tone: worst.gravity === "trouble" ? "trouble" : "warning",
      text: ended(worst.what),
      todo: ended(forPeople(worst.do)),
      ...(others.length ? { others: others.map((one) => `${ended(one.what)} ${ended(forPeople(one.do))}`) } : {}),
    };
  }
  if (!progress.run) return { tone: "idle", text: "Ready: no run has been armed yet." };
  // What somebody's word cut off is no fault; all other losses are findings of their own.
  const lost = doctor.findings.some((one) => one.check === "run-cut-short") ? 0 : progress.lost;
  if (progress.failed + lost > 0) return { tone: "warning", text: missing(progress.failed, lost) };
  if (progress.finished) {
    return progress.stopped
      ? { tone: "idle", text: `The run ended early: ${progress.stopped}.` }
      : { tone: "good", text: "The run is complete: every event is in the result." };
  }
  return { tone: "good", text: "All is well." };
}

/** What a sentence may take: the strip is on top of every view, and an error may hold a whole array. */
const LONGEST = 400;

function ended(text: string): string {
  return capital(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : `${text}.`);
}

/** Advice that names addresses for programs, with the views of this page instead. */
function forPeople(advice: string): string {
  return advice.replaceAll("by POST /api/v1/stop", "under Runs").replaceAll("/api/v1/errors", "the view Errors");
}

/** That the page is older, or newer, than the controller that it asks; undefined where it is not. */
export function outdated(loaded: string | undefined, now: string | undefined): string | undefined {
  if (!loaded || !now || loaded === now) return undefined;
  return `The controller is ${now} now, and this page came from ${loaded}: parts of it may not fit.`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
