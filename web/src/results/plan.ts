/** Which plot is the right one for a part of the publish tree: by its shape, and by what its NXdata attributes say. */
import { axis, isLog, nxdata, placesOf, says, series, titleOf, type Axis, type NxData, type Series } from "./nxdata";
import { overlaysOf, type Overlays } from "./overlays";
import { at, isComplex, isGroup, isNumeric, join, label, sizeOf, text, type Dataset, type Group, type Node } from "./outline";

export type { Axis, Series } from "./nxdata";

/** A dimension before those that are plotted: one of its elements is chosen. */
export interface Leading {
  readonly length: number;
  readonly axis: Axis;
  /** The first one is the newest: it is seen until another is chosen, else the last one is. */
  readonly newestFirst?: true;
}

interface Shared {
  readonly title: string;
  /** What else it could be shown as. */
  readonly ways: readonly Way[];
}

export type Way = "curves" | "image" | "scatter" | "table";

export type Plan = Shared &
  (
    | {
        readonly kind: "curves";
        readonly shape: readonly number[];
        readonly leading: readonly Leading[];
        readonly x: Axis;
        readonly y: string;
        readonly series: readonly Series[];
        readonly log: boolean;
      }
    | {
        readonly kind: "image";
        /** One of them is shown. */
        readonly signals: readonly Series[];
        /** Of the last two dimensions before those of `leading`; bands come after them. */
        readonly shape: readonly number[];
        readonly leading: readonly Leading[];
        readonly bands?: number;
        readonly x: Axis;
        readonly y: Axis;
        /** Where it has axes: y grows downwards all the same. */
        readonly down: boolean;
        readonly log: boolean;
        readonly overlays: Overlays;
      }
    | { readonly kind: "scatter"; readonly value: Series; readonly shape: readonly number[]; readonly x: Required<Pick<Axis, "path" | "label">>; readonly y: Required<Pick<Axis, "path" | "label">>; readonly down: boolean; readonly log: boolean } // prettier-ignore
    | { readonly kind: "table"; readonly columns: readonly Series[]; readonly shape: readonly number[]; readonly leading: readonly Leading[] }
    | { readonly kind: "value"; readonly path: string; readonly units: string; readonly value: unknown }
    | { readonly kind: "group"; readonly path: string; readonly group: Group }
    /** `missing`: something may be there later. */
    | { readonly kind: "none"; readonly why: string; readonly missing: boolean }
  );

type Made = Plan extends infer One ? (One extends Plan ? Omit<One, "ways" | "title"> : never) : never;

const MOST_DEPTH = 10;

/** What shows the node at `path`; `way`: as somebody chose to see it, where that is possible. */
export function planOf(root: Node, path: string, way?: string): Plan {
  const node = at(root, path);
  const name = path.split("/").pop() ?? "";
  if (node === undefined) {
    return { kind: "none", why: `There is no ${path} in the results now; the analysis may publish it later.`, missing: true, title: name, ways: [] };
  }
  return withOverlays(root, ofNode(node, path, name, way, 0));
}

/** Overlays may be anywhere in the tree. */
function withOverlays(root: Node, plan: Plan): Plan {
  if (plan.kind !== "image") return plan;
  const folder = plan.signals[0]!.path.split("/").slice(0, -1).join("/");
  const group = at(root, folder);
  if (!group || !isGroup(group)) return plan;
  return { ...plan, overlays: overlaysOf(root, folder, group, plan.leading.map((one) => one.length)) };
}

function ofNode(node: Node, path: string, name: string, way: string | undefined, depth: number): Plan {
  return isGroup(node) ? ofGroup(node, path, name, way, depth) : ofDataset(node, path, name, way);
}

function emptyOf(node: Dataset, title: string): Plan | undefined {
  if (node.shape === null) return { kind: "none", why: "It has no value (None).", missing: true, title, ways: [] };
  if (sizeOf(node) === 0) return { kind: "none", why: "It is empty: nothing has been added to it yet.", missing: true, title, ways: [] };
  return undefined;
}

function ofDataset(node: Dataset, path: string, name: string, way: string | undefined): Plan {
  const title = text(node, "long_name") ?? name;
  const empty = emptyOf(node, title);
  if (empty) return empty;
  if (!node.shape!.length) return { kind: "value", path, units: text(node, "units") ?? "", value: node.value, title, ways: [] };
  const parent: Group = { attributes: {}, children: { [name]: node } };
  const folder = path.split("/").slice(0, -1).join("/");
  const found: NxData = { signal: name, main: node, shape: node.shape!, others: [], axes: node.shape!.map(() => undefined) };
  return chosen(parent, folder, found, title, way);
}

function ofGroup(group: Group, path: string, name: string, way: string | undefined, depth: number): Plan {
  const title = titleOf(group) ?? name;
  const found = nxdata(group);
  if (!found) {
    const shown = text(group, "default");
    const child = shown === undefined ? undefined : at(group, shown);
    if (shown !== undefined && child && depth < MOST_DEPTH) return ofNode(child, join(path, shown), shown.split("/").pop()!, way, depth + 1);
    const signal = text(group, "signal");
    const named = signal === undefined ? undefined : group.children[signal];
    if (signal !== undefined && named && !isGroup(named)) return ofDataset(named, join(path, signal), signal, way);
    return { kind: "group", path, group, title, ways: [] };
  }
  const empty = emptyOf(found.main, title);
  if (empty) return empty;
  if (!found.shape.length) {
    const { units } = series(group, path, found.signal, true);
    return { kind: "value", path: join(path, found.signal), units, value: found.main.value, title: text(found.main, "long_name") ?? found.signal, ways: [] };
  }
  return chosen(group, path, found, titleOf(group) ?? text(found.main, "long_name") ?? name, way);
}

/** The first of all ways that there are, or the one that was chosen. */
function chosen(group: Group, path: string, found: NxData, title: string, way: string | undefined): Plan {
  const ways = waysOf(group, found);
  const taken = ways.find((one) => one === way) ?? ways[0]!;
  return { ...MAKE[taken](group, path, found), title, ways } as Plan;
}

/** How it can be shown, the right one first. */
function waysOf(group: Group, found: NxData): Way[] {
  const { main, shape, axes, others } = found;
  if (!isNumeric(main)) return ["table"];
  const scattered = placesOf(group, found) !== undefined;
  const meant = text(main, "interpretation") ?? text(group, "interpretation");
  const ways: Way[] = [...(scattered ? ["scatter" as const] : []), ...(shape.length > 1 ? ["image" as const] : []), "curves", "table"];
  const bare = shape.length === 1 && !axes[0] && others.length > 0;
  const first: Way | undefined = meant === "scalar" && shape.length > 1 ? "table" : meant === undefined ? (bare ? "table" : undefined) : MEANT[meant];
  return first && ways.includes(first) ? [first, ...ways.filter((one) => one !== first)] : ways;
}

const MEANT: Record<string, Way> = { spectrum: "curves", image: "image", "rgb-image": "image", "rgba-image": "image" };

const MAKE: Record<Way, (group: Group, path: string, found: NxData) => Made> = { curves, image, scatter, table };

function leadingOf(group: Group, path: string, found: NxData, count: number): Leading[] {
  return found.shape.slice(0, count).map((length, place) => ({
    length,
    axis: axis(group, path, found.axes[place], length, `axis ${place}`),
    ...(place === 0 && says(group, "newest_first") ? { newestFirst: true } : {}),
  }));
}

function signalsOf(group: Group, path: string, found: NxData): Series[] {
  return [found.signal, ...found.others].map((name) => series(group, path, name, name === found.signal));
}

function curves(group: Group, path: string, found: NxData): Made {
  const last = found.shape.length - 1;
  return {
    kind: "curves",
    shape: found.shape,
    leading: leadingOf(group, path, found, last),
    x: axis(group, path, found.axes[last], found.shape[last]!, "element"),
    y: label(found.main, found.signal),
    series: signalsOf(group, path, found),
    log: isLog(group),
  };
}

function bandsOf(found: NxData): number | undefined {
  const meant = text(found.main, "interpretation") ?? "";
  const last = found.shape.at(-1)!;
  return /^rgba?-image$/.test(meant) && found.shape.length > 2 && (last === 3 || last === 4) && !isComplex(found.main) ? last : undefined;
}

function image(group: Group, path: string, found: NxData): Made {
  const bands = bandsOf(found);
  const row = found.shape.length - (bands ? 3 : 2);
  return {
    kind: "image",
    signals: signalsOf(group, path, found),
    shape: found.shape,
    leading: leadingOf(group, path, found, row),
    ...(bands ? { bands } : {}),
    x: axis(group, path, found.axes[row + 1], found.shape[row + 1]!, "column"),
    y: axis(group, path, found.axes[row], found.shape[row]!, "row"),
    down: says(group, "y_down"),
    log: isLog(group),
    overlays: {},
  };
}

function scatter(group: Group, path: string, found: NxData): Made {
  const [x, y] = placesOf(group, found)!;
  const along = (name: string): { path: string; label: string } => ({ path: join(path, name), label: label(group.children[name], name) });
  return { kind: "scatter", value: series(group, path, found.signal, true), shape: found.shape, x: along(x), y: along(y), down: says(group, "y_down"), log: isLog(group) };
}

function table(group: Group, path: string, found: NxData): Made {
  const first = found.shape.length === 1 && found.axes[0] && !isGroup(group.children[found.axes[0]]!) ? [series(group, path, found.axes[0], false)] : [];
  return {
    kind: "table",
    columns: [...first, ...signalsOf(group, path, found)].slice(0, found.shape.length > 1 ? 1 : undefined),
    shape: found.shape,
    leading: leadingOf(group, path, found, Math.max(0, found.shape.length - 2)),
  };
}
