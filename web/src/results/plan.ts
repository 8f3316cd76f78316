/** Which plot is the right one for a part of the publish tree: by its shape, and by what its NXdata attributes say. */
import { at, isGroup, isNumeric, join, label, text, texts, type Dataset, type Group, type Node } from "./outline";

export interface Axis {
  /** Where its numbers are; without one they count from 0. */
  readonly path?: string;
  readonly label: string;
}

export interface Series {
  readonly path: string;
  readonly label: string;
  /** Where its standard errors are. */
  readonly errors?: string;
}

export type Plan =
  | { readonly kind: "curves"; readonly x: Axis; readonly y: string; readonly series: readonly Series[]; readonly title: string }
  | { readonly kind: "image"; readonly path: string; readonly shape: readonly number[]; readonly x: Axis; readonly y: Axis; readonly title: string }
  | { readonly kind: "scatter"; readonly value: Series; readonly x: Required<Axis>; readonly y: Required<Axis>; readonly title: string }
  | { readonly kind: "table"; readonly columns: readonly Series[]; readonly rows: number; readonly title: string }
  | { readonly kind: "value"; readonly value: unknown; readonly title: string }
  | { readonly kind: "group"; readonly title: string }
  | { readonly kind: "none"; readonly why: string; readonly title: string };

/** What shows the node at `path`. */
export function planOf(root: Node, path: string): Plan {
  const node = at(root, path);
  const name = path.split("/").pop() ?? "";
  if (node === undefined) return { kind: "none", why: `There is no ${path} in the results now; the analysis may publish it later.`, title: name };
  return isGroup(node) ? ofGroup(node, path, name) : ofDataset(node, path, name);
}

function ofDataset(node: Dataset, path: string, name: string): Plan {
  const title = label(node, name);
  if (node.shape === null) return { kind: "none", why: "It has no value (None).", title };
  if (!node.shape.length) return { kind: "value", value: node.value, title };
  if (node.shape.includes(0)) return { kind: "none", why: "It is empty: nothing has been added to it yet.", title };
  const type = node.dtype;
  if (!isNumeric(node)) return { kind: "none", why: `Values of type ${type} have no plot; download them, or open the address with silx or h5web.`, title };
  if (node.shape.length === 1) {
    return { kind: "curves", x: { label: "element" }, y: title, series: [{ path, label: text(node, "long_name") ?? name }], title };
  }
  return { kind: "image", path, shape: node.shape, x: { label: "column" }, y: { label: "row" }, title };
}

function ofGroup(group: Group, path: string, name: string): Plan {
  const signal = text(group, "signal");
  const main = signal === undefined ? undefined : group.children[signal];
  const title = text(group, "title") ?? name;
  if (signal === undefined || !isNumeric(main) || main.shape === null) {
    const shown = text(group, "default");
    if (shown !== undefined && group.children[shown]) return ofChild(group.children[shown], join(path, shown), shown);
    return { kind: "group", title };
  }
  if (!main.shape.length) return { kind: "value", value: main.value, title: label(main, signal) };
  if (main.shape.includes(0)) return { kind: "none", why: "It is empty: no event has been added to it yet.", title };
  const axes = texts(group, "axes").map((axis) => (axis === "." ? undefined : axis));
  if (main.shape.length >= 2) {
    const [y, x] = axes.length >= 2 ? axes.slice(-2) : [undefined, undefined];
    return {
      kind: "image",
      path: join(path, signal),
      shape: main.shape,
      x: axis(group, path, x, "column"),
      y: axis(group, path, y, "row"),
      title: label(main, signal),
    };
  }
  return ofColumns(group, path, signal, main, axes, title);
}

function ofChild(node: Node, path: string, name: string): Plan {
  return isGroup(node) ? ofGroup(node, path, name) : ofDataset(node, path, name);
}

function ofColumns(group: Group, path: string, signal: string, main: Dataset, axes: readonly (string | undefined)[], title: string): Plan {
  const length = main.shape![0]!;
  const [first, second] = axes;
  if (first && second && isLong(group.children[first], length) && isLong(group.children[second], length)) {
    const along = (name: string): Required<Axis> => ({ path: join(path, name), label: label(group.children[name], name) });
    return { kind: "scatter", value: series(group, path, signal), x: along(second), y: along(first), title: label(main, signal) };
  }
  const others = texts(group, "auxiliary_signals").filter((name) => isLong(group.children[name], length));
  if (!first && others.length) {
    const columns = [signal, ...others].map((name) => series(group, path, name));
    return { kind: "table", columns, rows: length, title };
  }
  return {
    kind: "curves",
    x: axis(group, path, first, "element"),
    y: label(main, signal),
    series: [signal, ...others].map((name) => series(group, path, name)),
    title: others.length ? title : (text(main, "long_name") ?? title),
  };
}

function isLong(node: Node | undefined, length: number): boolean {
  return isNumeric(node) && node.shape?.length === 1 && node.shape[0] === length;
}

function series(group: Group, path: string, name: string): Series {
  const errors = [`${name}_errors`, "errors"].find((one) => isNumeric(group.children[one]));
  return { path: join(path, name), label: text(group.children[name], "long_name") ?? name, ...(errors ? { errors: join(path, errors) } : {}) };
}

function axis(group: Group, path: string, name: string | undefined, otherwise: string): Axis {
  const node = name === undefined ? undefined : group.children[name];
  return name !== undefined && isNumeric(node) ? { path: join(path, name), label: label(node, name) } : { label: otherwise };
}
