/**
 * Where the pixels of an image lie along an axis: pixel i reaches from i to i + 1, and has a position in its middle (as many positions as pixels)
 * or at its edges (one more). Between these, positions lie on straight lines.
 */
import type { Numbers } from "./npy";
import { tickTexts, ticks } from "./ticks";

export interface Tick {
  /** In pixels from the first edge. */
  readonly place: number;
  readonly text: string;
}

export interface Along {
  /** The position at a place; NaN where it is not known. */
  at(place: number): number;
  /** Ticks between two places. */
  ticks(from: number, to: number, most: number): Tick[];
  /** Whether positions get smaller from the first pixel to the last. */
  readonly falls: boolean;
}

/** Pixels that are only counted: number i is in the middle of pixel i. */
export const COUNTED: Along = {
  at: (place) => Math.floor(place),
  ticks: (from, to, most) =>
    ticks(Math.max(0, from - 0.5), to - 0.5, most)
      .filter(Number.isInteger)
      .map((value) => ({ place: value + 0.5, text: tickTexts([value])[0]! })),
  falls: false,
};

/** Places that are positions themselves. */
export const STRAIGHT: Along = {
  at: (place) => place,
  ticks: (from, to, most) => {
    const values = ticks(from, to, most);
    return tickTexts(values).map((text, index) => ({ place: values[index]!, text }));
  },
  falls: false,
};

/** Of `count` pixels; without `positions` they are counted. */
export function along(count: number, positions?: Numbers, edges = false): Along {
  const known = positions && Array.from(positions).slice(0, count + (edges ? 1 : 0));
  if (!known?.length) return COUNTED;
  const shift = edges ? 0 : 0.5;
  const rises = known.every((value, index) => index === 0 || value > known[index - 1]!);
  const falls = known.length > 1 && known.every((value, index) => index === 0 || value < known[index - 1]!);
  const finite = known.every(Number.isFinite);

  function at(place: number): number {
    if (known!.length === 1) return known![0]!;
    const index = Math.min(Math.max(Math.floor(place - shift), 0), known!.length - 2);
    const part = place - shift - index;
    // Not by 0: beside it there may be no number.
    if (part === 0) return known![index]!;
    return part === 1 ? known![index + 1]! : known![index]! * (1 - part) + known![index + 1]! * part;
  }
  function placeOf(position: number): number {
    let [low, high] = [0, known!.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (falls ? known![middle]! >= position : known![middle]! <= position) low = middle;
      else high = middle;
    }
    const [first, second] = [known![low]!, known![high]!];
    return low + shift + (position - first) / (second - first || 1);
  }
  function evenTicks(from: number, to: number, most: number): Tick[] {
    const [one, other] = [at(from), at(to)];
    const values = ticks(Math.min(one, other), Math.max(one, other), most);
    return tickTexts(values).map((text, index) => ({ place: placeOf(values[index]!), text }));
  }
  // Positions that go back and forth, or are missing in part: a tick tells that of its pixel.
  function singleTicks(from: number, to: number, most: number): Tick[] {
    return COUNTED.ticks(from, to, most).map(({ place }) => ({ place, text: tickTexts([at(place)])[0]! }));
  }
  const isEven = finite && (rises || falls) && known.length > 1;
  return { at, ticks: isEven ? evenTicks : singleTicks, falls };
}
