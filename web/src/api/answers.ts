/** What the controller answers: the parts that the dashboard reads. The whole is in /openapi.json. */

export interface Failure {
  where: string;
  error: string;
  message: string;
  events: string;
  count: number;
}

export interface Loss {
  cause: string;
  events: string;
  count: number;
}

export interface Progress {
  run: string | null;
  phase: string;
  finished: boolean;
  total_events: number | null;
  last_assigned: number;
  completed_events: number;
  reduced: number;
  failed: number;
  lost: number;
  pending: number | null;
  assigned: number;
  redelivered: number;
  handed_back: number;
  quarantined: number;
  stopped: string | null;
  errors: Failure[];
  losses: Loss[];
}

export interface Finding {
  check: string;
  about: string;
  what: string;
  do: string;
  since: number | null;
  gravity: "trouble" | "warning" | "note";
}

export interface Diagnosis {
  healthy: boolean;
  at: number;
  version: string;
  run: string | null;
  phase: string;
  processes: number;
  findings: Finding[];
}

export interface Feedback {
  run: string;
  number: number;
  kind: string;
  payload: unknown;
  event: number | null;
  by: string;
  at: number;
}

export interface FeedbackPart {
  feedback: Feedback[];
  place: string;
  over: boolean;
  missed: number;
}

export interface Process {
  name: string;
  service_uuid: string;
  processed_events: number;
  event_rate: number;
  host: string;
  pid: number;
  http: string | null;
  fault: string | null;
  /** Of a worker that is about to leave: why. */
  drains?: string | null;
  last_seen: number;
}

export interface Ingester extends Process {
  streams: string[];
  devices: Record<string, string>;
}

export interface Worker extends Process {
  tags: string[];
  role: string;
}

/** Another analysis that looks on, as the controller tells of it. */
export interface ShadowTold {
  name: string;
  worker: string;
  reducer: string;
  /** Share of the events that it gets copies of. */
  sample: number;
  /** Why it gets none. */
  fault: string | null;
  /** What came of its copies; empty before its first run. */
  copied: { run?: string; copies?: number; failed?: number; lost?: number; problem?: string | null };
}

export interface Config {
  ingesters: Ingester[];
  workers: Worker[];
  reducer: Process | null;
  /** The streams of each detector that has several. */
  detectors: Record<string, string[]>;
  controller_version: string;
  parameters_hash: string;
  parameters_epoch: number;
}

export interface Stream {
  complete_until: number;
  packets: number;
  ended: boolean;
  stalled: boolean;
  silent_since: number | null;
  gaps: number;
  duplicates: number;
  reordered: number;
  late: number;
  malformed: number;
  dropped: number;
  restarts: number;
  reconnects: number | null;
  discarded_before_start: number | null;
}

export interface FailureKind {
  signature: string;
  where: string;
  error: string;
  message: string;
  place: string;
  traceback: string;
  workers: string[];
  count: number;
  ranges: [number, number][];
  first_event: number | null;
  last_event: number | null;
  capsules: { capsule: string; href: string }[];
  what_to_do: string;
}

export interface LogLine {
  msg: string;
  lineno: string;
  name: string;
  created: string;
  levelname: string;
  service: string;
  /** Of the line, as the controller counts them. */
  number: string;
}

export interface Described {
  name: string;
  description: string | null;
  dtype: "str" | "int" | "float" | "bool" | "choice" | "binary" | "file" | "array";
  default: unknown;
  unit?: string;
  min?: number;
  max?: number;
  choices?: (string | number)[];
  element?: string;
  shape?: (number | null)[];
}

export interface Epoch {
  epoch: number;
  first_event: number;
  values: Record<string, unknown>;
}

export interface Epochs {
  epoch: number;
  values: Record<string, unknown>;
  run: string | null;
  epochs: Epoch[];
  /** Epochs that the run has had, told or not. */
  count: number;
}

export interface RunLine {
  run: string;
  started_at: number;
  finished_at: number | null;
  seconds: number;
  total_events: number | null;
  reduced: number;
  failed: number;
  lost: number;
  stopped: string | null;
  outcome: string;
  degraded: string | null;
  streams: string[];
  /** The run whose recording was reduced again for this result; null where it was measured. */
  again_of?: string | null;
  /** What was changed for that. */
  changed?: Record<string, unknown>;
}

/** A result that is being made again of a recording. */
export interface MadeAgain {
  run: string;
  again_of: string;
  changed: Record<string, unknown>;
  done: number;
  total: number;
}

/** One version of the workers' code in a run. */
export interface Edition {
  edition: number;
  /** From which it was meant for all events. */
  first_event: number;
  classes: string[];
  /** Of the files that were imported; empty where they are not known. */
  digest: string;
  code: Record<string, string>;
  /** Those that it has made, as text. */
  events: string;
}

export interface RunDetail extends RunLine {
  map: string;
  /** What is in its result, in a sentence. */
  coverage: string;
  /** Null: they are not known any more. */
  epochs: Epoch[] | null;
  /** In the order in which they began; those of a result that was made again are not told. */
  editions?: Edition[];
  kinds_of_failure: number;
}

export interface ShownPlan {
  problem: string | null;
  total_events: number | null;
  summary: string;
  streams: string[];
  shown: { event: number; begins: boolean; cells: string[] }[];
}
