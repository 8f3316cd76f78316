/**
 * How many times as high as wide the pixels of an image are, where both of its axes are of one kind; as silx has it, that is where their units are the
 * same. Numbers without a unit are of one kind only where they have the same step, such as rows and columns of every other pixel.
 */
import type { Along } from "../plots/along";
import type { Axis } from "./nxdata";

const SAME = 0.01;
const MOST = 8;

/** The ratio, 1 where pixels are square; undefined where the axes have nothing in common. `columns`, `rows`: how many there are. */
export function ratioOf(x: Axis, y: Axis, xs: Along, ys: Along, columns: number, rows: number): number | undefined {
  if (x.units !== y.units) return undefined;
  if (x.path === undefined) return 1;
  if (y.path === undefined) return undefined;
  const ratio = stepOf(ys, rows) / stepOf(xs, columns);
  if (!Number.isFinite(ratio) || ratio === 0) return undefined;
  if (Math.abs(ratio - 1) < SAME) return 1;
  return x.units === undefined ? undefined : ratio;
}

/** Whether that proportion is kept unless somebody chooses otherwise: not of strips, of which little would be seen. */
export function isKept(ratio: number | undefined, columns: number, rows: number): boolean {
  if (ratio === undefined) return false;
  const high = rows * ratio;
  return Math.max(columns, high) <= MOST * Math.min(columns, high);
}

/** From the middle of one pixel to that of the next, on the whole. */
function stepOf(along: Along, count: number): number {
  if (count < 2) return NaN;
  return Math.abs(along.at(count - 0.5) - along.at(0.5)) / (count - 1);
}
