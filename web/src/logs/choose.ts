/** Which lines of the log are shown. */
import type { Kept } from "./book";

export const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"] as const;
const ORDER: Record<string, number> = { DEBUG: 10, INFO: 20, WARNING: 30, ERROR: 40, CRITICAL: 50 };

export interface Wanted {
  /** Least severity. */
  readonly level: string;
  /** Empty: all. */
  readonly service: string;
  /** Each of its words has to be in the line, in small letters or capitals. */
  readonly text: string;
}

export function words(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

/** The lines that are wanted, the newest first: by their own times, as those of some processes arrive later than those of others. */
export function choose(lines: readonly Kept[], wanted: Wanted): Kept[] {
  const least = ORDER[wanted.level] ?? 0;
  const sought = words(wanted.text);
  return lines
    .filter(({ line }) => {
      if ((ORDER[line.levelname] ?? 0) < least || (wanted.service && line.service !== wanted.service)) return false;
      const text = `${line.msg} ${line.name} ${line.service}`.toLowerCase();
      return sought.every((word) => text.includes(word));
    })
    .sort((one, other) => Number(other.line.created) - Number(one.line.created) || other.key - one.key);
}

/** A text cut where a word that is sought begins and ends: every second piece is one. */
export function marked(text: string, sought: readonly string[]): string[] {
  if (!sought.length) return [text];
  const escaped = sought.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return text.split(new RegExp(`(${escaped.join("|")})`, "gi"));
}
