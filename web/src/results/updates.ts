/** What has changed in the results, as the reducer tells it: one stream of events for the page, open only while somebody looks. */
import { signal } from "@preact/signals";
import { below } from "../api/place";

export interface Update {
  readonly run: string | null;
  readonly version: number;
  readonly at: number;
  readonly changed: readonly string[];
}

/** The newest update; undefined before the first. */
export const newest = signal<Update | undefined>(undefined);
/** Whether the reducer tells what changes. */
export const live = signal(false);

const AGAIN_MS = 1000;
const FIRST = /^\$(?:\.([^.[]+)|\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\])/;

/** Whether an update changes what is at `path`: it names its first part, or all. */
export function concerns(update: Update, path: string): boolean {
  const first = path.split("/").filter(Boolean)[0];
  return update.changed.some((one) => {
    const found = FIRST.exec(one);
    if (one === "$" || first === undefined) return true;
    const name = found?.[1] ?? (found?.[2] ?? found?.[3])?.replace(/\\(.)/g, "$1");
    return name === undefined || name === first;
  });
}

let users = 0;
let source: EventSource | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

function open(): void {
  source = new EventSource(below("/results/api/v1/updates"));
  source.onopen = () => (live.value = true);
  source.onmessage = (event: MessageEvent<string>) => (newest.value = JSON.parse(event.data) as Update);
  source.onerror = () => {
    live.value = false;
    // Where the answer was no stream of events, browsers do not ask again by themselves.
    if (source?.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
  };
}

function close(): void {
  clearTimeout(timer);
  source?.close();
  source = undefined;
  live.value = false;
}

/** A page that is hidden does not listen: browsers have six connections to an address, and as many forgotten tabs would leave none for this one. */
function turned(): void {
  if (document.hidden) close();
  else if (!source) open();
}

/** Begin to listen; returns what ends it. */
export function listen(): () => void {
  if (users++ === 0) {
    document.addEventListener("visibilitychange", turned);
    turned();
  }
  return () => {
    if (--users > 0) return;
    document.removeEventListener("visibilitychange", turned);
    close();
  };
}
