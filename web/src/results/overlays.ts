/**
 * What an analysis wants to be drawn over an image: places that are marked, and circles around one of them. The group of the image names them:
 *
 * `overlay_points`: the datasets of columns and of rows, one number for each place. `overlay_circles`: the dataset of row and column of the
 * centre, that of the radii, and, where there is one, what is written beside each. All count in pixels, the centre of the first being 0. A
 * name is that of a dataset of the group, or begins with / as a path of the whole tree. Before the last dimension of places may be those of
 * a stack of images.
 */
import { at, isNumeric, join, text, texts, type Dataset, type Group, type Node } from "./outline";

export interface Points {
  readonly x: string;
  readonly y: string;
  /** Places of each image at the most. */
  readonly most: number;
  readonly label: string;
}

export interface Circles {
  readonly centre: string;
  readonly radius: string;
  readonly name?: string;
  readonly units: string;
}

export interface Overlays {
  readonly points?: Points;
  readonly circles?: Circles;
}

interface Found {
  readonly path: string;
  readonly node: Dataset;
  readonly shape: readonly number[];
}

function numbers(root: Node, folder: string, name: string | undefined): Found | undefined {
  if (name === undefined) return undefined;
  const path = name.startsWith("/") ? name.slice(1) : join(folder, name);
  const node = at(root, path);
  return isNumeric(node) && node.shape !== null && node.shape.every((length) => length > 0) ? { path, node, shape: node.shape } : undefined;
}

/** What is to be drawn over the image of the group at `folder`, before whose rows and columns are dimensions of the lengths `leading`. */
export function overlaysOf(root: Node, folder: string, group: Group, leading: readonly number[]): Overlays {
  const points = pointsOf(root, folder, texts(group, "overlay_points"), leading);
  const circles = circlesOf(root, folder, texts(group, "overlay_circles"));
  return { ...(points ? { points } : {}), ...(circles ? { circles } : {}) };
}

function pointsOf(root: Node, folder: string, names: string[], leading: readonly number[]): Points | undefined {
  const [x, y] = [numbers(root, folder, names[0]), numbers(root, folder, names[1])];
  if (!x || !y || String(x.shape) !== String(y.shape) || String(x.shape.slice(0, -1)) !== String(leading)) return undefined;
  return { x: x.path, y: y.path, most: x.shape.at(-1)!, label: text(x.node, "long_name") ?? "places" };
}

function circlesOf(root: Node, folder: string, names: string[]): Circles | undefined {
  const [centre, radius, name] = names.map((one) => numbers(root, folder, one));
  if (!centre || !radius || String(centre.shape) !== "2" || radius.shape.length !== 1) return undefined;
  const named = name && String(name.shape) === String(radius.shape) ? name : undefined;
  return { centre: centre.path, radius: radius.path, units: text(named?.node, "units") ?? "", ...(named ? { name: named.path } : {}) };
}
