/** The publish tree without its elements, as the reducer tells it at /api/v1/tree. */

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

/** "256 × 256 uint16" or the value itself. */
export function brief(node: Dataset): string {
  if (node.shape === null) return "nothing";
  if (!node.shape.length) return node.value === undefined ? (node.dtype ?? "") : String(node.value);
  return `${node.shape.join(" × ")} ${node.dtype ?? ""}`;
}

const NUMBER = /^(bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128))$/;

export function isNumeric(node: Node | undefined): node is Dataset {
  return node !== undefined && !isGroup(node) && node.dtype !== null && NUMBER.test(node.dtype);
}
