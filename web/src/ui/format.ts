/** Numbers, times and event ranges as people read them. */

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A count with thousands set apart; what is not known is a dash. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? "–" : WHOLE.format(value);
}

/** A rate per second with three digits that count: "0.25", "12.5", "1,250". */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.01 ? 2 : 3;
  return new Intl.NumberFormat("en", { maximumFractionDigits: digits }).format(value);
}

/** Seconds as "340 ms", "4.2 s", "3 min 20 s", "2 h 5 min". */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const hours = Math.floor(whole / 3600);
  if (hours < 48) return `${hours} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Bytes with a decimal unit. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  let size = value;
  let unit = 0;
  while (size >= 999.5 && unit < UNITS.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${UNITS[unit] ?? ""}`;
}

/** A moment in seconds since 1970 as people at this place read it; with the day where that is not today. */
export function clock(seconds: number, now = Date.now() / 1000): string {
  return onItsDay(seconds, now, new Date(seconds * 1000).toLocaleTimeString("en-GB"));
}

function onItsDay(seconds: number, now: number, time: string): string {
  const at = new Date(seconds * 1000);
  return at.toDateString() === new Date(now * 1000).toDateString() ? time : `${at.toLocaleDateString("sv-SE")} ${time}`;
}

/** "event 5" or "events 5 to 9". */
export function eventsOf(first: number, last: number): string {
  return first === last ? `event ${count(first)}` : `events ${count(first)} to ${count(last)}`;
}

/** The same to the millisecond. */
export function moment(seconds: number, now = Date.now() / 1000): string {
  const at = new Date(seconds * 1000);
  return onItsDay(seconds, now, `${at.toLocaleTimeString("en-GB")}.${String(at.getMilliseconds()).padStart(3, "0")}`);
}

/** The same moment in universal time: "2026-11-22 00:15:03.123 UTC". */
export function universal(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().replace("T", " ").replace("Z", "")} UTC`;
}

/** "4 min ago", by the clock of this machine. */
export function ago(seconds: number, now = Date.now() / 1000): string {
  return now - seconds < 5 ? "just now" : `${duration(now - seconds)} ago`;
}
