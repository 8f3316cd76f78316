/** Numbers of any size as people read them: integers whole, others with six digits that count, what is none in words. */

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const USUAL = 6;
const FORMATS = new Map<number, Intl.NumberFormat>();

function formatOf(digits: number): Intl.NumberFormat {
  const known = FORMATS.get(digits) ?? new Intl.NumberFormat("en", { maximumSignificantDigits: digits });
  FORMATS.set(digits, known);
  return known;
}

export function figure(value: number | null | undefined): string {
  return figureTo(value, USUAL);
}

/** The same with other than six digits. */
export function figureTo(value: number | null | undefined, digits: number): string {
  if (value === null || value === undefined) return "–";
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e9 || size < 1e-4) return exponential(value, digits);
  return Number.isInteger(value) ? WHOLE.format(value) : formatOf(digits).format(value);
}

/** "1.25e-7": as few digits as tell it. */
function exponential(value: number, digits: number): string {
  return value.toExponential(digits - 1).replace(/\.?0*e\+?/, "e");
}
