/** Sets of parameters that say where a rectangle, or a range, is: by what their names begin with and how they end. */
import type { Described } from "../api/answers";
import type { Box } from "../plots/view";

type Edge = (region: Box) => number;

const EDGES: Record<string, Edge> = {
  x: (region) => region.x,
  y: (region) => region.y,
  width: (region) => region.width,
  height: (region) => region.height,
  left: (region) => region.x,
  top: (region) => region.y,
  right: (region) => region.x + region.width,
  bottom: (region) => region.y + region.height,
};
const RANGES: Record<string, Edge> = {
  start: EDGES["left"]!,
  stop: EDGES["right"]!,
  begin: EDGES["left"]!,
  end: EDGES["right"]!,
  from: EDGES["left"]!,
  to: EDGES["right"]!,
  low: EDGES["left"]!,
  high: EDGES["right"]!,
  min: EDGES["left"]!,
  max: EDGES["right"]!,
  first: EDGES["left"]!,
  last: EDGES["right"]!,
};
const RECTANGLES: readonly (readonly string[])[] = [
  ["x", "y", "width", "height"],
  ["left", "top", "width", "height"],
  ["left", "top", "right", "bottom"],
];
const PAIRS: readonly (readonly string[])[] = [
  ["start", "stop"],
  ["start", "end"],
  ["begin", "end"],
  ["from", "to"],
  ["low", "high"],
  ["min", "max"],
  ["first", "last"],
];

export interface RegionSet {
  /** "roi" of roi_x, roi_y, roi_width, roi_height. */
  readonly name: string;
  /** The names of its parameters by how they end. */
  readonly names: Readonly<Record<string, string>>;
  /** All of them are whole numbers. */
  readonly whole: boolean;
}

function setsOf(described: readonly Described[], kinds: readonly (readonly string[])[]): RegionSet[] {
  const endings = new Set(kinds.flat());
  const found = new Map<string, Described[]>();
  for (const one of described) {
    const ending = /(?:^|_)([a-z]+)$/.exec(one.name)?.[1];
    if (!ending || !endings.has(ending) || (one.dtype !== "int" && one.dtype !== "float")) continue;
    const name = one.name.slice(0, -ending.length).replace(/_$/, "");
    found.set(name, [...(found.get(name) ?? []), one]);
  }
  return [...found].flatMap(([name, members]) => {
    const byEnding = Object.fromEntries(members.map((one) => [one.name.slice(name.length).replace(/^_/, ""), one]));
    const kind = kinds.find((one) => one.every((ending) => byEnding[ending]));
    if (!kind) return [];
    const names = Object.fromEntries(kind.map((ending) => [ending, byEnding[ending]!.name]));
    return [{ name, names, whole: kind.every((ending) => byEnding[ending]!.dtype === "int") }];
  });
}

/** Those that hold a rectangle. */
export function rectanglesOf(described: readonly Described[]): RegionSet[] {
  return setsOf(described, RECTANGLES);
}

/** Those that hold a range of one axis. */
export function rangesOf(described: readonly Described[]): RegionSet[] {
  return setsOf(described, PAIRS);
}

/** The values of these parameters for a region; whole numbers where they are. */
export function valuesOf(set: RegionSet, region: Box): Record<string, number> {
  return Object.fromEntries(
    Object.entries(set.names).map(([ending, name]) => {
      const value = (EDGES[ending] ?? RANGES[ending])!(region);
      return [name, set.whole ? Math.round(value) : value];
    }),
  );
}

/** Where the values of these parameters are; undefined where they say no region. */
export function regionOf(set: RegionSet, values: Readonly<Record<string, unknown>>): Box | undefined {
  const of = (...endings: string[]): number | undefined => {
    const name = endings.map((ending) => set.names[ending]).find(Boolean);
    const value = name === undefined ? undefined : values[name];
    return typeof value === "number" ? value : undefined;
  };
  const x = of("x", "left", "start", "begin", "from", "low", "min", "first");
  const right = of("right", "stop", "end", "to", "high", "max", "last");
  const width = of("width") ?? (right !== undefined && x !== undefined ? right - x : undefined);
  const isRange = Object.keys(set.names).length === 2;
  const y = isRange ? 0 : of("y", "top");
  const bottom = of("bottom");
  const height = isRange ? 1 : (of("height") ?? (bottom !== undefined && y !== undefined ? bottom - y : undefined));
  if (x === undefined || y === undefined || !(width! > 0) || !(height! > 0)) return undefined;
  return { x, y, width: width!, height: height! };
}
