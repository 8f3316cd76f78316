/** Where the page is, as its address says: `#results?path=map`; every view can be bookmarked and sent to others. */
import { signal } from "@preact/signals";

export interface Place {
  readonly view: string;
  readonly query: URLSearchParams;
}

export function placeOf(hash: string): Place {
  const [view = "", query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  return { view, query: new URLSearchParams(query) };
}

export function hashOf(view: string, query: Record<string, string | undefined> = {}): string {
  const kept = Object.entries(query).filter((one): one is [string, string] => one[1] !== undefined && one[1] !== "");
  const text = new URLSearchParams(kept).toString();
  return `#${view}${text ? "?" + text : ""}`;
}

export const place = signal<Place>(placeOf(location.hash));
addEventListener("hashchange", () => {
  clearTimeout(later);
  place.value = placeOf(location.hash);
});

const LATER_MS = 1000;
let later: ReturnType<typeof setTimeout> | undefined;

/** Write the address. Browsers take so many changes in some seconds and no more, as of a slider that is moved: then the last one is written later. */
function write(hash: string): void {
  clearTimeout(later);
  try {
    history.replaceState(null, "", hash);
  } catch {
    later = setTimeout(() => write(hash), LATER_MS);
  }
}

/** Change parts of the query of this view; `replace` leaves no step to go back to. */
export function setQuery(changes: Record<string, string | undefined>, replace = true): void {
  const now = Object.fromEntries(place.value.query);
  const hash = hashOf(place.value.view, { ...now, ...changes });
  if (replace) {
    write(hash);
    place.value = placeOf(hash);
  } else {
    location.hash = hash;
  }
}
