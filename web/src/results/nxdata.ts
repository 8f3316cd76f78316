/**
 * What the attributes of a group say of its plot (NeXus definition NXdata): signal, auxiliary signals, and what lies along each of their axes.
 *
 * An axis is of the dimension that its `{name}_indices` names, else of that at its place in `axes`; it has as many positions as the signal has
 * elements there, or one more where it has their edges. Files of before 2014 mark the signal itself (`signal=1`, `axes="y:x"`), which is read too.
 */
import { isGroup, isNumeric, join, label, number, text, texts, timeStep, type Dataset, type Group, type Node } from "./outline";

export interface Axis {
  /** Where its numbers are; without one they count from 0. */
  readonly path?: string;
  readonly label: string;
  readonly units?: string;
  /** It has the edges of the elements, one more than there are. */
  readonly edges?: boolean;
  /** Seconds of one count, where these are moments since 1970. */
  readonly time?: number;
}

export interface Series {
  readonly path: string;
  readonly label: string;
  readonly units: string;
  /** Where its standard errors are. */
  readonly errors?: string;
  /** What is stored is to be multiplied by this, and that added. */
  readonly factor?: number;
  readonly offset?: number;
  readonly complex?: boolean;
}

export interface NxData {
  readonly signal: string;
  readonly main: Dataset;
  readonly shape: readonly number[];
  /** Other signals of the same shape. */
  readonly others: readonly string[];
  /** The names of what lies along each dimension. */
  readonly axes: readonly (string | undefined)[];
}

/** The name of the signal; undefined where the group has none that is there. */
export function signalOf(group: Group): string | undefined {
  const named = text(group, "signal");
  if (named !== undefined) return group.children[named] ? named : undefined;
  const marked = Object.entries(group.children).find(([, node]) => ["1", 1].includes(node.attributes["signal"] as string | number));
  return marked?.[0];
}

/** What is to be plotted; undefined where the group names no signal of numbers. */
export function nxdata(group: Group): NxData | undefined {
  const signal = signalOf(group);
  const main = signal === undefined ? undefined : group.children[signal];
  if (signal === undefined || !isNumeric(main) || main.shape === null) return undefined;
  const shape = main.shape;
  const others = texts(group, "auxiliary_signals").filter((name) => {
    const node = group.children[name];
    return isNumeric(node) && String(node.shape) === String(shape);
  });
  return { signal, main, shape, others, axes: axesOf(group, main) };
}

function namesOf(group: Group, main: Dataset): (string | undefined)[] {
  const named = group.attributes["axes"] !== undefined ? texts(group, "axes") : texts(main, "axes");
  const split = named.length === 1 ? named[0]!.replace(/[[\]]/g, "").split(/[:,]/) : named;
  return split.map((name) => (name === "." || name === "" ? undefined : name));
}

function axesOf(group: Group, main: Dataset): (string | undefined)[] {
  const names = namesOf(group, main);
  const found: (string | undefined)[] = main.shape!.map(() => undefined);
  names.forEach((name, place) => {
    if (name === undefined) return;
    const given = group.attributes[`${name}_indices`];
    const indices = given === undefined ? [place] : (Array.isArray(given) ? given : [given]).map(Number);
    for (const dimension of indices) if (dimension < found.length) found[dimension] ??= name;
  });
  return found;
}

/**
 * Both places of each element, where the signal has scattered ones: two axes of its own shape. [along, up].
 *
 * Of a list of values the first axis is along, as silx and h5web draw it. Of values in rows and columns, which these do not scatter, the last
 * one is, as in an image.
 */
export function placesOf(group: Group, found: NxData): [string, string] | undefined {
  const names = namesOf(group, found.main).filter((name): name is string => name !== undefined);
  const own = names.filter((name) => {
    const node = group.children[name];
    return isNumeric(node) && String(node.shape) === String(found.shape);
  });
  if (own.length < 2 || (found.shape.length > 1 && !own.every((name) => Array.isArray(group.attributes[`${name}_indices`])))) return undefined;
  const [first, second] = own as [string, string];
  return found.shape.length > 1 ? [second, first] : [first, second];
}

/** What lies along one dimension of that length. */
export function axis(group: Group, path: string, name: string | undefined, length: number, otherwise: string): Axis {
  const node = name === undefined ? undefined : group.children[name];
  const time = timeStep(node);
  if (name === undefined || node === undefined || isGroup(node) || !(isNumeric(node) || time !== undefined) || node.shape?.length !== 1) {
    return { label: node && name ? label(node, name) : otherwise };
  }
  const edges = node.shape[0] === length + 1;
  if (!edges && node.shape[0] !== length) return { label: otherwise };
  const units = text(node, "units");
  return {
    path: join(path, name),
    label: time === undefined ? label(node, name) : (text(node, "long_name") ?? name),
    ...(units ? { units } : {}),
    ...(edges ? { edges } : {}),
    ...(time === undefined ? {} : { time }),
  };
}

export function series(group: Group, path: string, name: string, main: boolean): Series {
  const node = group.children[name]!;
  const named = text(node, "uncertainties") ?? text(group, `${name}_uncertainties`);
  const errors = [named, `${name}_errors`, ...(main ? ["errors"] : [])].find((one) => one !== undefined && isLike(group.children[one], node));
  const stored = (name: string): number | undefined => {
    const of = group.children[name];
    return main && of && !isGroup(of) ? number(of.value) : undefined;
  };
  const [factor, offset] = [stored("scaling_factor"), stored("offset")];
  return {
    path: join(path, name),
    label: text(node, "long_name") ?? name,
    units: text(node, "units") ?? "",
    ...(errors ? { errors: join(path, errors) } : {}),
    ...(factor === undefined ? {} : { factor }),
    ...(offset === undefined ? {} : { offset }),
    ...(isComplexNode(node) ? { complex: true } : {}),
  };
}

function isComplexNode(node: Node): boolean {
  return !isGroup(node) && /complex|c(8|16)$/.test(node.dtype ?? "");
}

function isLike(node: Node | undefined, other: Node): boolean {
  return isNumeric(node) && !isGroup(other) && String(node.shape) === String(other.shape);
}

/** The title: a dataset of that name, as NeXus has it, or an attribute. */
export function titleOf(group: Group): string | undefined {
  const child = group.children["title"];
  if (child && !isGroup(child) && typeof child.value === "string" && child.value !== "") return child.value;
  return text(group, "title");
}

/** Whether an attribute of the group says so: y grows downwards, as the rows of a camera do (`y_down`), or the newest comes first (`newest_first`). */
export function says(group: Group, name: "y_down" | "newest_first"): boolean {
  const value = group.attributes[name];
  return value === true || value === 1;
}

/** Whether values are to be shown by their logarithm, as silx writes it (SILX_style). */
export function isLog(group: Group): boolean {
  try {
    const style = JSON.parse(text(group, "SILX_style") ?? "{}") as { signal_scale_type?: string };
    return style.signal_scale_type === "log";
  } catch {
    return false;
  }
}
