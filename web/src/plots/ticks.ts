/** Round numbers along an axis. */
import { figureTo } from "./figure";

/** At most about `most` round numbers from `low` to `high`, ascending. */
export function ticks(low: number, high: number, most: number): number[] {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span) || most < 1) return Number.isFinite(low) ? [low] : [];
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough * 0.999) ?? 10 * power;
  if (!(step > 0)) return [low];
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  // By multiplication: 0.1 + 0.2 would not be 0.3.
  return Array.from({ length: Math.max(0, Math.min(count, 100)) }, (_, index) => clean((first + index) * step, step));
}

function clean(value: number, step: number): number {
  const digits = Math.max(0, 1 - Math.floor(Math.log10(step)));
  return digits > 15 ? value : Number(value.toFixed(digits));
}

const FEWEST = 6;
const MOST = 15;

/** How many digits of values between these count, so that they are read to less than a thousandth of what lies between. */
export function digitsBetween(low: number, high: number): number {
  const span = high - low;
  if (!(span > 0)) return FEWEST;
  const before = Math.ceil(Math.log10(Math.max(Math.abs(low), Math.abs(high)) / span));
  return Math.min(MOST, Math.max(FEWEST, before + 4));
}

/** How they are written: with as many digits as tell them apart. */
export function tickTexts(values: readonly number[]): string[] {
  const different = new Set(values).size;
  for (let digits = FEWEST; ; digits++) {
    const texts = values.map((one) => figureTo(one, digits));
    if (digits >= MOST || new Set(texts).size >= different) return texts;
  }
}
