/** The events that a debug worker keeps: each has a place, which stays the same while others come and go. */

export interface KeptLine {
  /** How many events came before it. */
  readonly place: number;
  readonly event_number: number;
  /** When it was whole: seconds since 1970. */
  readonly at: number;
  readonly bytes: number;
}

export interface Kept {
  /** So many are kept. */
  readonly keeps: number;
  /** So many have come. */
  readonly seen: number;
  /** The oldest first. */
  readonly events: readonly KeptLine[];
}

export interface ArrayLine {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly min?: number;
  readonly max?: number;
  /** Of small ones. */
  readonly values?: unknown;
}

export interface RawPacket {
  readonly typ: string;
  /** The number that the device gave it. */
  readonly number: number | null;
  readonly kind: string;
  readonly frames: readonly { readonly bytes: number; readonly begins?: string }[];
  readonly parsed?: string;
  /** Why it could not be read. */
  readonly problem?: string;
  readonly values?: Readonly<Record<string, unknown>>;
  readonly arrays?: Readonly<Record<string, ArrayLine>>;
  /** Of single fields. */
  readonly problems?: Readonly<Record<string, string>>;
}

export interface RawEvent extends KeptLine {
  readonly streams: Readonly<Record<string, RawPacket>>;
}

/** The place that is to be shown: the chosen one, else the newest. */
export function placeOf(kept: Kept | undefined, chosen: number | undefined): number | undefined {
  return chosen ?? kept?.events.at(-1)?.place;
}

/** The nearest kept event before (`step` -1) or after (1) a place; undefined where there is none. */
export function beside(kept: Kept | undefined, place: number | undefined, step: -1 | 1): number | undefined {
  if (place === undefined) return undefined;
  const others = (kept?.events ?? []).map((one) => one.place).filter((one) => (step < 0 ? one < place : one > place));
  return step < 0 ? others.at(-1) : others[0];
}

/** The address of one event, or of what is below it. */
export function addressOf(worker: string, path: string, query: Record<string, string> = {}): string {
  const text = new URLSearchParams(query).toString();
  return `/glance/${encodeURIComponent(worker)}/api/v1/kept${path}${text ? "?" + text : ""}`;
}

export type Shape =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "curves"; readonly rows: number; readonly length: number }
  | { readonly kind: "image"; readonly layers: number; readonly rows: number; readonly columns: number }
  /** Red, green and blue of each pixel, and how opaque it is where there are four bands. */
  | { readonly kind: "photo"; readonly bands: number; readonly rows: number; readonly columns: number };

const MOST_LINES = 8;
const LONG = 16;

/** What shows an array: few values as text, spectra as curves, all else as images, layer by layer. */
export function shapeOf(array: ArrayLine): Shape {
  if (array.values !== undefined) return { kind: "text", text: valueText(array.values) };
  if (array.shape.includes(0)) return { kind: "text", text: "empty" };
  if (!/^(u?int|float|bool|complex)/.test(array.dtype)) return { kind: "text", text: `values of type ${array.dtype}, which have no picture` };
  const [rows, columns] = array.shape.length === 1 ? [1, array.shape[0]!] : [array.shape.at(-2)!, array.shape.at(-1)!];
  if (array.shape.length <= 2 && rows <= MOST_LINES && columns > LONG * rows) return { kind: "curves", rows, length: columns };
  const bands = array.shape.at(-1)!;
  // Pictures of cameras: other arrays whose last axis is as short are layers of something.
  if (array.dtype === "uint8" && array.shape.length === 3 && (bands === 3 || bands === 4)) return { kind: "photo", bands, rows: array.shape[0]!, columns: array.shape[1]! };
  return { kind: "image", layers: array.shape.slice(0, -2).reduce((product, one) => product * one, 1), rows, columns };
}

/** A value of a packet in one line: fields as "row: 12, column: 7", lists in brackets. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.map(valueText).join(", ")}]`;
  const fields = Object.entries(value);
  if (fields.length === 1 && fields[0]![0] === "bytes") return `${String(fields[0]![1])} bytes`;
  return fields.map(([name, one]) => `${name}: ${typeof one === "object" && one !== null && !Array.isArray(one) ? `{${valueText(one)}}` : valueText(one)}`).join(", ");
}

/** "256 × 256 of uint16", "2 values of float64". */
export function kindText(array: ArrayLine): string {
  const [first] = array.shape;
  const shape = array.shape.length > 1 ? array.shape.join(" × ") : first === undefined || first === 1 ? "one value" : `${String(first)} values`;
  return `${shape} of ${array.dtype}`;
}
