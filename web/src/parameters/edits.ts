/** What was typed and is not set yet. It outlives the view: who looks at the results in between finds it again. */
import { signal } from "@preact/signals";

export interface Edit {
  /** What stands in the field; for a file its name. */
  readonly text: string;
  readonly file?: File;
  /** The value, as written, when the edit began. */
  readonly base: string;
}

export type Edits = Readonly<Record<string, Edit>>;

export const edits = signal<Edits>({});

/** Change the edit of one parameter; undefined takes it back. */
export function edit(name: string, to: Edit | undefined): void {
  const { [name]: _, ...others } = edits.peek();
  edits.value = to ? { ...others, [name]: to } : others;
}

/** Take back edits: those that were sent, unless they have been changed since; all of them where none are given. */
export function forget(sent?: Edits): void {
  edits.value = sent ? Object.fromEntries(Object.entries(edits.peek()).filter(([name, one]) => sent[name] !== one)) : {};
}
