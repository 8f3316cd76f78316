/** Trigger maps from what a form says. */

export interface Wanted {
  readonly streams: readonly string[];
  /** None: until it is stopped. */
  readonly events: number | undefined;
  /** So many consecutive events go to the same worker. */
  readonly burst: number;
}

/** A map in which every stream has a packet for every event. */
export function triggerMap(wanted: Wanted): unknown {
  const column = Array.from({ length: wanted.burst }, () => [{ constraint: 0 }]);
  const part = Object.fromEntries(wanted.streams.map((stream) => [stream, column]));
  if (wanted.events === undefined) return { parts: { main: part }, sequence: [{ part: "main", repeat: null }] };
  const whole = Math.floor(wanted.events / wanted.burst);
  const rest = wanted.events % wanted.burst;
  const parts: Record<string, unknown> = {};
  const sequence: unknown[] = [];
  if (whole) {
    parts["main"] = part;
    sequence.push({ part: "main", repeat: whole });
  }
  if (rest) {
    parts["rest"] = Object.fromEntries(wanted.streams.map((stream) => [stream, column.slice(0, rest)]));
    sequence.push({ part: "rest", repeat: 1 });
  }
  return { parts, sequence };
}
