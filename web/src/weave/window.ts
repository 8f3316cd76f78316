/** Which events are in sight: moving and zooming, and where an event is on the screen. */

export interface Span {
  readonly first: number;
  readonly count: number;
}

export const FEWEST = 5;
export const MOST = 4096;
/** Pixels that an event takes unless somebody zooms. */
const COMFORTABLE = 9;

/** How many events are shown on so many pixels unless somebody zooms. */
export function usualCount(width: number): number {
  return Math.min(Math.max(Math.floor(width / COMFORTABLE), 20), 250);
}

/** The most events of which each still has a pixel. */
export function mostCount(width: number): number {
  return Math.max(FEWEST, Math.min(MOST, Math.floor(width)));
}

/** `span` moved into a run of so many events; `total` null: it has no end. */
export function within(span: Span, total: number | null): Span {
  const count = Math.max(1, Math.round(span.count));
  const last = total === null ? Infinity : Math.max(total - count, 0);
  return { first: Math.max(0, Math.min(Math.round(span.first), last)), count };
}

/** Moved by so many windows, by one event at least. */
export function moved(span: Span, windows: number, total: number | null): Span {
  const step = Math.sign(windows) * Math.max(1, Math.round(Math.abs(windows) * span.count));
  return within({ first: span.first + step, count: span.count }, total);
}

/** With `factor` times as many events, around `around`, which stays where it is. */
export function zoomed(span: Span, factor: number, around: number, most: number, total: number | null): Span {
  const wanted = factor > 1 ? Math.max(span.count + 1, Math.round(span.count * factor)) : Math.round(span.count * factor);
  const count = Math.max(FEWEST, Math.min(wanted, most));
  const part = Math.min(Math.max((around - span.first) / span.count, 0), 1);
  return within({ first: around - part * count, count }, total);
}

/** Moved just so far that `event` is in sight. */
export function showing(span: Span, event: number): Span {
  if (event < span.first) return { first: event, count: span.count };
  if (event >= span.first + span.count) return { first: event - span.count + 1, count: span.count };
  return span;
}

/** The event under a pixel; undefined outside. */
export function eventAt(span: Span, x: number, width: number): number | undefined {
  const event = span.first + Math.floor((x / width) * span.count);
  return x < 0 || x >= width ? undefined : event;
}

/** Event numbers to be written on an axis, with a distance that leaves `room` pixels for each. */
export function ticks(span: Span, width: number, room: number): number[] {
  const least = (room * span.count) / Math.max(width, 1);
  let step = 1;
  for (let decade = 1; step < least; decade *= 10) {
    for (const digit of [1, 2, 5]) {
      step = digit * decade;
      if (step >= least) break;
    }
  }
  const found: number[] = [];
  for (let at = Math.ceil(span.first / step) * step; at < span.first + span.count; at += step) found.push(at);
  return found;
}
