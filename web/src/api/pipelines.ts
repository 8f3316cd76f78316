/** The pipelines at this address. A page that is alone asks for them once. */
import { signal } from "@preact/signals";
import type { Progress } from "./answers";
import { askedAs } from "./client";
import { fromFront, nameIn } from "./place";

export interface PipelineLine {
  readonly name: string;
  readonly path: string;
  /** Why nothing is known of it now, in a sentence. */
  readonly problem: string | null;
  readonly progress: Progress | null;
}

const AGAIN_MS = 2000;

/** Where there are several, as they were told last; empty where this one is alone, or as long as nobody knows. */
export const several = signal<readonly PipelineLine[]>([]);

/** Ask for as long as there are several and the page is visible; returns what ends it. */
export function followPipelines(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = false;

  async function look(): Promise<void> {
    let alone = false;
    if (!document.hidden) {
      try {
        const found = await askedAs<PipelineLine[]>(fromFront(location.pathname, "/pipelines"));
        alone = found.length < 2;
        several.value = alone ? [] : found;
      } catch {
        // What was known stays: the strip on top says that nobody answers.
      }
    }
    if (!over && !alone) timer = setTimeout(() => void look(), AGAIN_MS);
  }
  void look();
  return () => {
    over = true;
    clearTimeout(timer);
  };
}

/** The one that this page shows: the one that it is named after, else the first. */
export function shownOf(lines: readonly PipelineLine[], pathname = location.pathname): PipelineLine | undefined {
  const name = nameIn(pathname);
  return name === undefined ? lines[0] : lines.find((one) => one.name === name);
}

/** How one of them is, in few words. */
export function wordOf(line: PipelineLine): string {
  const { problem, progress } = line;
  if (problem !== null || progress === null) return problem ?? "Nothing is known of it.";
  if (progress.run === null) return "no run yet";
  const missing = [progress.failed ? `${progress.failed} failed` : "", progress.lost ? `${progress.lost} lost` : ""].filter(Boolean);
  const done = progress.total_events === null ? `${progress.completed_events} events` : `${progress.completed_events} of ${progress.total_events} events`;
  return [progress.phase, done, ...missing].join(", ");
}
