/** One parameter of the form: what it is, its value, what is wrong with what was typed, and what others did to it meanwhile. */
import type { JSX } from "preact";
import type { Described } from "../api/answers";
import { limits, wrong } from "./checks";
import { written } from "./changes";
import { edit, type Edit } from "./edits";
import { Input } from "./inputs";
import { storedOf, type Stored } from "./stored";

export interface FieldProps {
  readonly described: Described;
  readonly edited: Edit | undefined;
  /** What holds now. */
  readonly value: unknown;
  /** What is kept as its content, of a parameter that is a file. */
  readonly content: Stored | undefined;
  /** Why the controller does not take what was typed. */
  readonly refused: string | undefined;
}

const ROWS = /\],\s*\[/g;

/** A value as it stands in its field: of an array of rows each in a line. */
export function typed(one: Described, value: unknown): string {
  // JSON knows no number that is none.
  const text = one.dtype === "float" && value === null ? "nan" : written(value);
  return one.dtype === "array" ? text.replace(ROWS, "],\n [") : text;
}

function shapeOf(shape: readonly (number | null)[]): string {
  if (shape.length === 1 && shape[0] !== null) return `${shape[0]} numbers`;
  return `shape ${shape.map((one) => one ?? "any").join(" × ")}`;
}

/** As a person says it. */
function spoken(one: Described, text: string): string {
  if (one.dtype === "bool") return text === "true" ? "on" : "off";
  return text || "nothing";
}

/** Why what was typed is no value. */
export function problemOf(one: Described, edited: Edit | undefined, refused: string | undefined): string | undefined {
  if (!edited || edited.file || one.dtype === "binary") return refused;
  return wrong(one, edited.text) ?? refused;
}

export function Field(props: FieldProps): JSX.Element {
  const { described, edited, value } = props;
  const id = `parameter-${described.name}`;
  const problem = problemOf(described, edited, props.refused);
  const holds = typed(described, value);
  const stored = described.dtype === "file" ? props.content : (storedOf(value) ?? (described.dtype === "binary" ? { size: 0, digest: "" } : undefined));
  const base = edited?.base ?? holds;
  const standard = typed(described, described.default);
  const asFile = described.dtype === "file" || stored !== undefined;
  const onText = (text: string): void => edit(described.name, text === holds ? undefined : { text, base });
  const bounds = [described.unit, limits(described), described.shape && shapeOf(described.shape)];
  return (
    <div class={`field ${edited ? "edited" : ""}`} data-parameter={described.name}>
      <div class="name">
        <label for={id}>
          <strong>{described.name}</strong>
        </label>
        {edited ? <span class="mark">not set yet</span> : null}
      </div>
      {described.description ? <p class="faint">{described.description}</p> : null}
      <div class="entry">
        <Input
          id={id}
          described={described}
          text={edited?.text ?? (stored && described.dtype !== "file" ? "" : holds)}
          file={edited?.file}
          stored={stored}
          wrong={problem !== undefined}
          onText={onText}
          onFile={(file) => edit(described.name, { text: file.name, file, base })}
          onClear={() => edit(described.name, { text: "", base })}
        />
        <span class="faint" id={`${id}-about`}>
          {bounds.filter(Boolean).join(", ")}
        </span>
        {!asFile && (edited?.text ?? holds) !== standard ? (
          <button type="button" class="quiet" title="put the default into the field" onClick={() => onText(standard)}>
            default {spoken(described, standard)}
          </button>
        ) : null}
        {edited ? (
          <button type="button" class="quiet" title="take back what you typed" onClick={() => edit(described.name, undefined)}>
            keep {asFile ? "what is there" : spoken(described, holds)}
          </button>
        ) : null}
      </div>
      {edited && asFile && !edited.file ? <p class="faint">It will be removed.</p> : null}
      {edited && base !== holds ? <p class="meanwhile">It was set to {holds} elsewhere; it was {base} when you began. Yours replaces it.</p> : null}
      {problem ? (
        <p class="problem" role="alert">
          {problem}
        </p>
      ) : null}
    </div>
  );
}
