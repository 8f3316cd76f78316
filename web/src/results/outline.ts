/** The publish tree without its elements, as the reducer tells it at /api/v1/tree. */
import { figure } from "../plots/figure";

/** The place of a "run" that is none: what rules have written. */
export const RULES = "rules";

/** What stands for the results of the shadow: another analysis over copies of some events. */
export const SHADOW = "shadow";

/** What stands for results in questions: the present run, one that has ended, or what rules have written. */
export function domainOf(run: string | undefined): string {
  if (run === RULES) return RULES;
  return run ? `/runs/${run}` : "/";
}

const SHADOW_MS = 1000;

/** Nobody tells this page of changes of the shadow's results: have it ask again and again, until the timer that is returned is cleared. */
export function askedAgain(domain: string, ask: () => void): ReturnType<typeof setInterval> | undefined {
  return domain === SHADOW ? setInterval(ask, SHADOW_MS) : undefined;
}

const PLACES: Record<string, string> = { [RULES]: "/rules/results", [SHADOW]: "/shadow" };

/** The address of a question about results; what rules have written, and what the shadow publishes, are trees of their own. */
export function questionOf(what: string, domain: string, query = new URLSearchParams()): string {
  query.set("domain", domain in PLACES ? "/" : domain);
  return `${PLACES[domain] ?? "/results"}/api/v1/${what}?${query.toString()}`;
}

export type Attribute = string | number | boolean | null | Attribute[] | { [name: string]: Attribute };
export type Attributes = Record<string, Attribute>;

export interface Group {
  readonly attributes: Attributes;
  readonly children: Record<string, Node>;
}

export interface Dataset {
  readonly attributes: Attributes;
  readonly shape: readonly number[] | null;
  readonly dtype: string | null;
  readonly value?: unknown;
}

export type Node = Group | Dataset;

export function isGroup(node: Node): node is Group {
  return "children" in node;
}

/** The node at a path like `map/value`; undefined where there is none. */
export function at(root: Node, path: string): Node | undefined {
  let node: Node | undefined = root;
  for (const name of path.split("/").filter(Boolean)) {
    node = node && isGroup(node) ? node.children[name] : undefined;
  }
  return node;
}

export function join(path: string, name: string): string {
  return path ? `${path}/${name}` : name;
}

/** An attribute as a text; undefined where it is none, or empty. */
export function text(node: Node | undefined, name: string): string | undefined {
  const value = node?.attributes[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** An attribute as a list of texts, of one where it is a single one. */
export function texts(node: Node, name: string): string[] {
  const value = node.attributes[name];
  const list = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
  return list.filter((one): one is string => typeof one === "string");
}

/** "counts in the region (counts)": the long name, else the name, and the unit. */
export function label(node: Node | undefined, name: string): string {
  const units = text(node, "units");
  return (text(node, "long_name") ?? name) + (units ? ` (${units})` : "");
}

const LONGEST = 40;

/** "256 × 256 uint16" or the value itself, where that is short. */
export function brief(node: Dataset): string {
  if (node.shape === null) return "nothing";
  const type = typeText(node.dtype ?? "");
  return node.shape.length ? `${node.shape.join(" × ")} ${type}` : valueText(node.value, type);
}

function valueText(value: unknown, type: string): string {
  if (typeof value === "string") return value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value;
  // JSON has neither what is no number nor what is infinite; the view of it says which.
  if (value === null && /float/.test(type)) return "not finite";
  // More digits than pages compute with: the view of it has them all.
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value) ? `about ${figure(value)}` : figure(value);
  if (Array.isArray(value) && value.length === 2 && /complex/.test(type)) {
    const [real, imaginary] = value as [number, number];
    return `${figure(real)} ${imaginary < 0 ? "−" : "+"} ${figure(Math.abs(imaginary))}i`;
  }
  return value === undefined || value === null || typeof value === "object" ? type : String(value);
}

/** Types of records by the names of their fields. */
function typeText(type: string): string {
  if (!type.startsWith("[") && !type.startsWith("{")) return type;
  return `records of ${[...type.matchAll(/\('([^']+)'/g)].map((one) => one[1]).join(", ")}`;
}

const NUMBER = /^([<>]?(bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)|[iufc](2|4|8|16))|timedelta64.*|<m8.*)$/;
const TIME = /^(?:datetime64|[<>]M8)\[(?:(\d+))?(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\]$/;
const SECONDS: Record<string, number> = { W: 604800, D: 86400, h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, ns: 1e-9, ps: 1e-12, fs: 1e-15, as: 1e-18 };

export function isNumeric(node: Node | undefined): node is Dataset {
  return node !== undefined && !isGroup(node) && node.dtype !== null && NUMBER.test(node.dtype);
}

export function isComplex(node: Node | undefined): boolean {
  return node !== undefined && !isGroup(node) && /complex|c(8|16)$/.test(node.dtype ?? "");
}

/** Seconds of one count where these are moments (datetime64); undefined where they are not. */
export function timeStep(node: Node | undefined): number | undefined {
  const found = node !== undefined && !isGroup(node) ? TIME.exec(node.dtype ?? "") : null;
  const unit = found ? SECONDS[found[2]!] : undefined;
  return unit === undefined ? undefined : unit * Number(found![1] ?? 1);
}

/** Elements of a dataset; 0 where it has no value. */
export function sizeOf(node: Dataset): number {
  return node.shape === null ? 0 : node.shape.reduce((product, length) => product * length, 1);
}

/** A number that is told with the tree: an attribute, or a dataset of one value. */
export function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
