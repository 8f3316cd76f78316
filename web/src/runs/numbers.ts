/** The results of two runs side by side: which are numbers, and which can be drawn together. */
import { isGroup, join, type Group, type Node } from "../results/outline";
import { planOf, type Plan } from "../results/plan";
import type { Numbers } from "../plots/npy";
import { figure } from "../plots/figure";
import { count } from "../ui/format";

/** "+12", "−3.4"; empty where there is none, or where it is not known. */
export function difference(first: number | null | undefined, second: number | null | undefined, unit: (value: number) => string = count): string {
  if (first === null || first === undefined || second === null || second === undefined || !Number.isFinite(second - first) || first === second) return "";
  return `${second > first ? "+" : "−"}${unit(Math.abs(second - first))}`;
}

/** A single value of a result in words: complex numbers come as two. */
export function cell(value: unknown): string {
  if (value === undefined || value === null) return "–";
  // Pages compute with fewer digits than large whole numbers have.
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value) ? `about ${figure(value)}` : figure(value);
  if (Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === "number")) {
    const [real, imaginary] = value as [number, number];
    return `${figure(real)} ${imaginary < 0 ? "−" : "+"} ${figure(Math.abs(imaginary))}i`;
  }
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export function same(first: unknown, second: unknown): boolean {
  return JSON.stringify(first) === JSON.stringify(second);
}

export interface Pair {
  readonly path: string;
  readonly first: unknown;
  readonly second: unknown;
}

function values(node: Node, path: string, found: Map<string, unknown>): Map<string, unknown> {
  if (isGroup(node)) {
    for (const [name, child] of Object.entries(node.children)) values(child, join(path, name), found);
  } else if (node.shape && !node.shape.length && node.value !== undefined) {
    found.set(path, node.value);
  }
  return found;
}

/** Single values of both, by path; undefined where one has none. */
export function pairs(first: Group, second: Group): Pair[] {
  const [one, other] = [values(first, "", new Map()), values(second, "", new Map())];
  return [...new Set([...one.keys(), ...other.keys()])].sort().map((path) => ({ path, first: one.get(path), second: other.get(path) }));
}

export interface Drawn {
  readonly path: string;
  readonly title: string;
  readonly first: Plan;
  readonly second: Plan;
}

const DRAWN = new Set<Plan["kind"]>(["curves", "image", "scatter", "table"]);

/** What both can be drawn of: the plots on the uppermost level at which there are any, curves first. */
export function drawn(first: Group, second: Group): Drawn[] {
  const found: Drawn[] = [];
  function look(node: Node, path: string): void {
    const [one, other] = [planOf(first, path), planOf(second, path)];
    if (path && DRAWN.has(one.kind) && one.kind === other.kind) found.push({ path, title: one.title || path, first: one, second: other });
    else if (isGroup(node)) for (const [name, child] of Object.entries(node.children)) look(child, join(path, name));
  }
  look(first, "");
  return found.sort((one, other) => Number(other.first.kind === "curves") - Number(one.first.kind === "curves"));
}

/** The axis that two curves have in common: that of the longer one, where it begins as the other does; undefined where there is none. */
export function common(first: Numbers | undefined, second: Numbers | undefined): Numbers | undefined {
  if (!first || !second) return undefined;
  const [short, long] = first.length <= second.length ? [first, second] : [second, first];
  for (let place = 0; place < short.length; place++) if (short[place] !== long[place]) return undefined;
  return long;
}

/** Values filled up with what is no number. */
export function filled(values: Numbers, length: number): Numbers {
  if (values.length >= length) return values;
  const longer = new Float64Array(length).fill(NaN);
  longer.set(Array.from(values, Number));
  return longer;
}

