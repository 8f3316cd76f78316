/** Setting parameters: all that was edited as one epoch, files among them. Texts are sent as they were typed: no number is rounded here. */
import type { Described } from "../api/answers";
import { post } from "../api/client";
import type { Edit, Edits } from "./edits";
import { contentOf } from "./groups";

interface Entry {
  readonly name: string;
  readonly data: string;
  readonly encoding?: "base64";
}

function base64(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve((reader.result as string).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(new Error(`The file ${file.name} cannot be read; choose it again.`));
    reader.readAsDataURL(file);
  });
}

async function entriesOf(one: Described, edit: Edit): Promise<Entry[]> {
  if (one.dtype === "file") {
    const content: Entry = { name: contentOf(one.name), data: edit.file ? await base64(edit.file) : "", encoding: "base64" };
    return [{ name: one.name, data: edit.text }, content];
  }
  if (edit.file) return [{ name: one.name, data: await base64(edit.file), encoding: "base64" }];
  return [{ name: one.name, data: edit.text }];
}

/** Set what was edited, as one epoch: all of it, or none. */
export async function send(edited: Edits, described: readonly Described[]): Promise<void> {
  const known = described.filter((one) => edited[one.name]);
  const entries = (await Promise.all(known.map((one) => entriesOf(one, edited[one.name]!)))).flat();
  await post("parameters", entries);
}

/** By name why values would be refused. Files are not sent for this. */
export async function check(edited: Edits, described: readonly Described[]): Promise<Record<string, string>> {
  const typed = described.filter((one) => edited[one.name] && !edited[one.name]!.file);
  if (!typed.length) return {};
  const values = Object.fromEntries(typed.map((one) => [one.name, edited[one.name]!.text]));
  return (await post<Record<string, string>>("parameters/check", values)) ?? {};
}
