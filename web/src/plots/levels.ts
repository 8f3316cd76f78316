/** From numbers to colours: which is the darkest, which the brightest, and what lies between. */
import type { Palette } from "./colours";
import type { Numbers } from "./npy";

export interface Levels {
  readonly low: number;
  readonly high: number;
}

const SAMPLE = 20_000;
/** Of the numbers themselves: what is lost in some steps of computing. */
const NOISE = 1e-15;
/** By the logarithm, levels that are not above 0 begin at this part of the highest. */
const BELOW = 1e6;

/** Levels between which nearly all values lie; single bright pixels do not make the rest black. `log`: of what is above 0. */
export function autoLevels(data: Numbers, log: boolean): Levels {
  // A step that divides no usual length of a row, so that not always the same columns are looked at.
  const step = data.length <= SAMPLE ? 1 : Math.floor(data.length / SAMPLE) * 2 + 1;
  const some: number[] = [];
  for (let index = 0; index < data.length; index += step) {
    const value = data[index]!;
    if (Number.isFinite(value) && (!log || value > 0)) some.push(value);
  }
  if (!some.length) return log ? { low: 1, high: 10 } : { low: 0, high: 1 };
  const sorted = Float64Array.from(some).sort();
  const low = sorted[Math.floor(0.005 * (sorted.length - 1))]!;
  const high = sorted[Math.ceil(0.995 * (sorted.length - 1))]!;
  // Between values that differ by rounding alone there is nothing to see.
  if (high - low > NOISE * Math.max(Math.abs(low), Math.abs(high))) return { low, high };
  const [bottom, top] = [sorted[0]!, sorted.at(-1)!];
  if (top - bottom > NOISE * Math.max(Math.abs(bottom), Math.abs(top))) return { low: bottom, high: top };
  const above = low + (Math.abs(low) || 1);
  return Number.isFinite(above) ? { low, high: above } : { low: low / 2, high: low };
}

/** How many digits of the levels count: as many as tell their ends to a hundredth of what lies between. */
export function digitsOf({ low, high }: Levels): number {
  const room = Math.abs(high - low) / 100;
  const tells = (digits: number): boolean => [low, high].every((one) => Math.abs(Number(one.toPrecision(digits)) - one) <= room);
  let digits = 4;
  while (digits < 15 && !tells(digits)) digits++;
  return digits;
}

/** Levels that can be drawn: by the logarithm both are above 0. */
export function usable(levels: Levels, log: boolean): Levels {
  if (!log || (levels.low > 0 && levels.high > 0)) return levels;
  const high = levels.high > 0 ? levels.high : 10;
  return { low: levels.low > 0 ? levels.low : high / BELOW, high };
}

/** Write the colour of each number into `out`; what is not a number (or not above 0, where `log`) stays transparent. */
export function colour(data: Numbers, levels: Levels, log: boolean, colours: Palette, out: Uint32Array): void {
  const low = log ? Math.log(levels.low) : levels.low;
  const high = log ? Math.log(levels.high) : levels.high;
  // Halves, because the distance between the largest numbers is not finite.
  const scale = 255 / 2 / (high / 2 - low / 2 || 0.5);
  const place = (value: number): number => {
    const at = (log ? Math.log(value) : value) / 2 - low / 2;
    const index = at * 2 * scale;
    // Not a number compares with nothing.
    return index >= 255 ? colours[255]! : index >= 0 ? colours[index | 0]! : index < 0 && (!log || value > 0) ? colours[0]! : 0;
  };
  if ((data instanceof Uint16Array || data instanceof Uint8Array) && data.length > 65_536) {
    const table = new Uint32Array(data instanceof Uint8Array ? 256 : 65_536);
    for (let value = 0; value < table.length; value++) table[value] = place(value);
    for (let index = 0; index < data.length; index++) out[index] = table[data[index]!]!;
    return;
  }
  for (let index = 0; index < data.length; index++) out[index] = place(data[index]!);
}

/** Red, green and blue (and how opaque) as the last axis, as a picture: bytes as they are, other numbers from 0 to 1. */
export function colourRgb(data: Numbers, bands: number, out: Uint32Array): void {
  const scale = data instanceof Uint8Array ? 1 : 255;
  const byte = (value: number): number => Math.min(Math.max(Math.round(value * scale), 0), 255) || 0;
  for (let pixel = 0; pixel < out.length; pixel++) {
    const [red, green, blue] = [0, 1, 2].map((band) => byte(data[pixel * bands + band]!));
    const opaque = bands > 3 ? byte(data[pixel * bands + 3]!) : 255;
    out[pixel] = ((opaque << 24) | (blue! << 16) | (green! << 8) | red!) >>> 0;
  }
}
