/** Why there is nothing to see in a result, in words: what the reducer, the ledger and the doctor know of it. */
import type { Diagnosis, Progress } from "../api/answers";
import { count } from "../ui/format";
import { capital } from "../health/sentence";

/** What is in a result, as the reducer tells it at /api/v1/coverage. */
export interface Covered {
  readonly run: string | null;
  readonly complete: boolean;
  readonly over: boolean;
  readonly total_events: number | null;
  readonly counts: { readonly reduced: number; readonly failed: number; readonly lost: number; readonly pending: number | null };
}

export interface Known {
  readonly covered: Covered | undefined;
  /** Of the present run; undefined where another one is looked at. */
  readonly progress: Progress | undefined;
  readonly diagnosis: Diagnosis | undefined;
  /** The events that are in this very dataset, as it says itself. */
  readonly events: string | undefined;
}

/** Sentences, the most telling first; nothing where nothing is known yet. */
export function whyEmpty({ covered, progress, diagnosis, events }: Known): string[] {
  if (progress && !progress.run) return ["No run has been armed yet.", ...advice(diagnosis)];
  if (!covered) return advice(diagnosis);
  const { reduced, failed, lost, pending } = covered.counts;
  if (reduced === 0 && failed > 0) {
    const worst = progress?.errors[0];
    const of = pending === 0 || covered.over ? "All" : "So far all";
    return [`${of} ${count(failed)} events failed.`, ...(worst ? [`${worst.error}: ${worst.message}.`] : []), "The view Errors tells where."];
  }
  if (reduced === 0 && lost > 0) return [`No event is in it: ${count(lost)} events were lost.`, ...advice(diagnosis)];
  if (reduced === 0) {
    const over = covered.over || progress?.finished === true;
    return [over ? "The run ended without an event." : "No event of this run has been reduced yet.", ...advice(diagnosis)];
  }
  const amiss = [failed > 0 ? `${count(failed)} failed` : "", lost > 0 ? `${count(lost)} were lost` : ""].filter(Boolean);
  return [
    events === "" ? `${count(reduced)} events were reduced, and none of them had anything for this.` : `${count(reduced)} events were reduced.`,
    ...(amiss.length ? [`Of the others ${amiss.join(" and ")}.`] : []),
    ...(events === "" ? [] : ["The analysis has filled in nothing here."]),
  ];
}

function advice(diagnosis: Diagnosis | undefined): string[] {
  const finding = diagnosis?.findings[0];
  return finding ? [`${capital(finding.what)}.`, `${capital(finding.do)}.`] : [];
}
