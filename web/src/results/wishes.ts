/** Which part of a large array is asked for, and how small: what is seen, in about as many pixels as the screen has for it. */
import type { Box } from "../plots/view";

export interface Window {
  /** As `[4,0:100,20:60]`; undefined where it is all. */
  readonly select: string | undefined;
  /** Elements along the last axes at the most. */
  readonly most: readonly number[];
  /** Where it begins in the data, and how many elements one of its own stands for. */
  readonly begins: { readonly row: number; readonly column: number };
  readonly block: { readonly rows: number; readonly columns: number };
}

/** Above this a part is made smaller before it is sent. */
const MOST_PIXELS = 4096;

/**
 * `shape`: rows and columns; `leading`: the chosen elements of the dimensions before, "-1" is the last; `seen`: what is looked at;
 * `screen`: pixels for it. With `bands` (colours as the last axis) nothing is made smaller: colours have no largest one.
 */
export function windowOf(
  shape: readonly [number, number],
  leading: readonly number[],
  seen: Box | undefined,
  screen: { width: number; height: number },
  bands = false,
): Window {
  const [rows, columns] = shape;
  const down = partOf(rows, seen?.y ?? 0, seen?.height ?? rows, bands ? rows : screen.height);
  const across = partOf(columns, seen?.x ?? 0, seen?.width ?? columns, bands ? columns : screen.width);
  const whole = down.whole && across.whole;
  const rest = bands ? [":"] : [];
  const entries = [...leading.map(String), ...(whole ? [":", ":"] : [`${down.first}:${down.stop}`, `${across.first}:${across.stop}`]), ...rest];
  return {
    select: whole && !leading.length ? undefined : `[${entries.join(",")}]`,
    most: bands ? [] : [down.most, across.most],
    begins: { row: whole ? 0 : down.first, column: whole ? 0 : across.first },
    block: { rows: down.step, columns: across.step },
  };
}

interface Part {
  readonly first: number;
  readonly stop: number;
  readonly step: number;
  readonly most: number;
  readonly whole: boolean;
}

function partOf(length: number, from: number, wide: number, pixels: number): Part {
  const room = Math.min(Math.max(pixels, 64), MOST_PIXELS);
  // Powers of two, so that moving and resizing seldom ask for something else.
  let step = 1;
  while (wide / (2 * step) >= room * 0.75 || length / step > 1e6) step *= 2;
  // Half of what is seen more on each side, so that moving shows something at once.
  const margin = wide >= length ? 0 : Math.ceil(wide / 2);
  const first = Math.max(0, Math.floor((Math.floor(from) - margin) / step) * step);
  const stop = Math.min(length, Math.ceil((Math.ceil(from + wide) + margin) / step) * step);
  const most = Math.max(1, Math.ceil((stop - first) / step));
  // As the reducer makes its blocks.
  return { first, stop, step: Math.ceil((stop - first) / most), most, whole: first === 0 && stop === length };
}

/** Every so many points, so that at most `most` are asked for; of the first dimension. */
export function thinned(length: number, most: number): number {
  return Math.max(1, Math.ceil(length / most));
}
