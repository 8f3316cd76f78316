/** What the controller answers of the weave: some events of a run in columns; entry i is event `first + i`. */

export interface WeaveRow {
  stream: string;
  complete_until: number;
  /** By event a place in `packet_names`. */
  packets: number[];
  /** By event a place in `virtual_workers`, -1 for none; empty where too many events were asked for. */
  wanted_by: number[];
}

export interface WeaveWorker {
  name: string;
  id: string;
  gone: string | null;
}

export interface Deliveries {
  event: number[];
  worker: number[];
  attempt: number[];
  streams: number[];
}

export interface Mark {
  event: number;
  kind: "part" | "epoch";
  text: string;
}

export interface Overview {
  edges: number[];
  reduced: number[];
  failed: number[];
  lost: number[];
  assigned: number[];
  pending: number[];
  again: number[];
}

export interface RunWeave {
  run: string | null;
  at: number;
  over: boolean;
  total_events: number | null;
  assigned_until: number;
  settled_until: number;
  first: number;
  stop: number;
  stage_names: string[];
  stages: number[];
  workers: WeaveWorker[];
  worker: number[];
  attempt: number[];
  reasons: string[];
  reason: number[];
  deliveries: Deliveries;
  stream_sets: string[][];
  packet_names: string[];
  rows: WeaveRow[];
  virtual_workers: string[];
  marks: Mark[];
  /** Where what is unusual begins, before and behind the window. */
  unusual_before: number | null;
  unusual_after: number | null;
  overview: Overview | null;
}

/** One of the workers that see an event. */
export interface Holder {
  /** Place in `workers`. */
  readonly worker: number;
  readonly attempt: number;
  /** The streams whose packets it gets; undefined: all that are wanted. */
  readonly streams: readonly string[] | undefined;
}

/** The workers of those events that several see, by event. */
export function sharedOf(seen: RunWeave): Map<number, Holder[]> {
  const found = new Map<number, Holder[]>();
  const { event, worker, attempt, streams } = seen.deliveries;
  event.forEach((number, place) => {
    const set = streams[place]!;
    const holder = { worker: worker[place]!, attempt: attempt[place]!, streams: set < 0 ? undefined : seen.stream_sets[set] };
    const known = found.get(number);
    if (known) known.push(holder);
    else found.set(number, [holder]);
  });
  return found;
}

/** All workers that have, or had, an event, each once; of `stream` alone where one is given. */
export function holdersOf(seen: RunWeave, shared: Map<number, Holder[]>, event: number, stream?: string): Holder[] {
  const several = shared.get(event);
  if (several) return stream === undefined ? several : several.filter((one) => one.streams?.includes(stream) ?? true);
  const place = event - seen.first;
  const worker = seen.worker[place] ?? -1;
  return worker < 0 ? [] : [{ worker, attempt: seen.attempt[place] ?? 0, streams: undefined }];
}
