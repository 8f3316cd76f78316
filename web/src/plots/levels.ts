/** From numbers to colours: which is the darkest, which the brightest, and what lies between. */
import type { Palette } from "./colours";
import type { Numbers } from "./npy";

export interface Levels {
  readonly low: number;
  readonly high: number;
}

const SAMPLE = 20_000;

/** Levels between which nearly all values lie; single bright pixels do not make the rest black. `log`: of what is above 0. */
export function autoLevels(data: Numbers, log: boolean): Levels {
  const step = Math.max(1, Math.floor(data.length / SAMPLE));
  const some: number[] = [];
  for (let index = 0; index < data.length; index += step) {
    const value = data[index]!;
    if (Number.isFinite(value) && (!log || value > 0)) some.push(value);
  }
  if (!some.length) return log ? { low: 1, high: 10 } : { low: 0, high: 1 };
  some.sort((one, other) => one - other);
  const low = some[Math.floor(0.005 * (some.length - 1))]!;
  const high = some[Math.ceil(0.995 * (some.length - 1))]!;
  if (low < high) return { low, high };
  const top = some.at(-1)!;
  const bottom = some[0]!;
  return bottom < top ? { low: bottom, high: top } : { low, high: low + (Math.abs(low) || 1) };
}

/** Write the colour of each number into `out`; what is not a number (or not above 0, where `log`) stays transparent. */
export function colour(data: Numbers, levels: Levels, log: boolean, colours: Palette, out: Uint32Array): void {
  const low = log ? Math.log(Math.max(levels.low, Number.MIN_VALUE)) : levels.low;
  const high = log ? Math.log(Math.max(levels.high, Number.MIN_VALUE)) : levels.high;
  const scale = 255 / (high - low || 1);
  for (let index = 0; index < data.length; index++) {
    const value = log ? Math.log(data[index]!) : data[index]!;
    const place = (value - low) * scale;
    // Not a number compares with nothing.
    out[index] = place >= 255 ? colours[255]! : place >= 0 ? colours[place | 0]! : place < 0 && (!log || value > -Infinity) ? colours[0]! : 0;
  }
}
