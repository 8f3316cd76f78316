/** Which parameters stand together: those whose names begin with the same word, and a file with its content. */
import type { Described } from "../api/answers";

export interface Group {
  /** Empty for those that belong to no group. */
  readonly title: string;
  readonly members: readonly Described[];
}

/** The parameter that says where recordings go: every pipeline has it. */
const RECORDING = "dump_prefix";
const CONTENT = "_file";

/** The parameter that holds the content of a file parameter. */
export function contentOf(file: string): string {
  return file + CONTENT;
}

function firstWord(name: string): string {
  return /^(.+?)[_./:-]/.exec(name)?.[1] ?? "";
}

/** Those without a group first, those of recordings last, the groups by name between them. */
export function grouped(all: readonly Described[]): Group[] {
  const contents = new Set(all.filter((one) => one.dtype === "file").map((one) => contentOf(one.name)));
  const shown = all.filter((one) => !contents.has(one.name));
  const groups = new Map<string, Described[]>();
  for (const one of shown) {
    const word = one.name === RECORDING ? "recording" : firstWord(one.name);
    groups.set(word, [...(groups.get(word) ?? []), one]);
  }
  const whole = [...groups].filter(([word, members]) => word === "recording" || (word && members.length > 1));
  const named = new Set(whole.map(([word]) => word));
  const alone = shown.filter((one) => one.name !== RECORDING && !named.has(firstWord(one.name)));
  const sorted = whole.sort(([one], [other]) => Number(one === "recording") - Number(other === "recording") || one.localeCompare(other));
  return [...(alone.length ? [{ title: "", members: alone }] : []), ...sorted.map(([title, members]) => ({ title, members }))];
}
