/** Numbers of any size as people read them: integers whole, others with six digits that count, what is none in words. */

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SIX = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });

export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e9 || size < 1e-4) return exponential(value);
  return Number.isInteger(value) ? WHOLE.format(value) : SIX.format(value);
}

/** "1.25e-7": as few digits as tell it, six at the most. */
function exponential(value: number): string {
  return value.toExponential(5).replace(/\.?0*e\+?/, "e");
}
