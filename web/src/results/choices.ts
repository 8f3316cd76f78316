/** What somebody chose to see and how, as it stands in the address: whoever opens the same address sees the same. */
import type { Range } from "../plots/curves";
import type { Look } from "../plots/scale";
import { boxOf, boxText, type Box } from "../plots/view";
import { place, setQuery } from "../route";
import type { Leading } from "./plan";

type Query = URLSearchParams;

/** A choice by its name, and how to change it. */
export function choice(name: string): [string | undefined, (value: string | undefined) => void] {
  return [place.value.query.get(name) ?? undefined, (value) => setQuery({ [name]: value })];
}

/** Numbers with commas between; undefined unless there are as many finite ones. */
export function numbersOf(text: string | null, count?: number): number[] | undefined {
  if (!text) return undefined;
  const numbers = text.split(",").map((one) => (one.trim() === "" ? NaN : Number(one)));
  return numbers.every(Number.isFinite) && (count === undefined || numbers.length === count) ? numbers : undefined;
}

/** How colours are chosen; `otherwise` is what holds where the address says nothing. */
export function lookOf(query: Query, otherwise: { log: boolean; square: boolean; up?: boolean }): Look {
  const levels = numbersOf(query.get("levels"), 2);
  const flag = (name: string, usual: boolean): boolean => (query.has(name) ? query.get(name) === "1" : usual);
  return {
    map: query.get("map") ?? "viridis",
    log: flag("log", otherwise.log),
    square: flag("square", otherwise.square),
    ...(otherwise.up === undefined ? {} : { up: flag("up", otherwise.up) }),
    ...(levels ? { levels: { low: levels[0]!, high: levels[1]! } } : {}),
  };
}

/** What the address says of a look. */
export function lookQuery(look: Look): Record<string, string | undefined> {
  const flag = (on: boolean): string => (on ? "1" : "0");
  const levels = look.levels && `${look.levels.low},${look.levels.high}`;
  return { map: look.map, log: flag(look.log), square: flag(look.square), up: look.up === undefined ? undefined : flag(look.up), levels };
}

/** The element of a leading dimension that is seen until one is chosen: the newest; -1 is the last, also of what grows. */
export function usualOf(leading: Pick<Leading, "newestFirst">): number {
  return leading.newestFirst ? 0 : -1;
}

/** The chosen elements of the leading dimensions: the usual one where none was chosen or there are not so many. */
export function planeOf(text: string | null, leading: readonly Pick<Leading, "length" | "newestFirst">[]): number[] {
  const chosen = numbersOf(text) ?? [];
  return leading.map((of, axis) => {
    const one = chosen[axis];
    return one !== undefined && Number.isInteger(one) && one >= 0 && one < of.length ? one : usualOf(of);
  });
}

export function rangeOf(text: string | null): Range | undefined {
  const [from, to, bottom, top] = numbersOf(text) ?? [];
  return from === undefined || to === undefined || !(from < to) ? undefined : { from, to, bottom, top };
}

export function rangeText(range: Range | undefined): string | undefined {
  if (!range) return undefined;
  return [range.from, range.to, range.bottom, range.top]
    .filter((one) => one !== undefined)
    .map((one) => Number(one.toPrecision(9)))
    .join(",");
}

export function seenBox(): [Box | undefined, (box: Box | undefined) => void] {
  return [boxOf(place.value.query.get("see") ?? undefined), (box) => setQuery({ see: boxText(box) })];
}
