/** The field of one parameter, by its description: limits and unit beside it, a sentence where the value is not taken. */
import type { JSX } from "preact";
import type { Described } from "../api/answers";
import { written } from "./changes";

export interface FieldProps {
  readonly described: Described;
  /** As it is edited: a text; undefined where it is as it holds. */
  readonly edited: string | undefined;
  readonly value: unknown;
  readonly onEdit: (text: string | undefined) => void;
  readonly onFile: (file: File) => void;
}

function limits(one: Described): string {
  const { min, max } = one;
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (min !== undefined) return `from ${min}`;
  return max !== undefined ? `up to ${max}` : "";
}

/** Why a text is no value of the parameter; undefined where it is one, as far as can be told here. */
export function wrong(one: Described, text: string): string | undefined {
  if (one.dtype === "int" && !/^[+-]?\d+$/.test(text.trim())) return "This takes a whole number.";
  if (one.dtype === "float" && (text.trim() === "" || Number.isNaN(Number(text)))) return "This takes a number.";
  if (one.dtype === "int" || one.dtype === "float") {
    const value = Number(text);
    if ((one.min !== undefined && value < one.min) || (one.max !== undefined && value > one.max)) return `This takes ${limits(one)}.`;
  }
  return undefined;
}

function Input(props: FieldProps & { id: string }): JSX.Element {
  const { described, edited, value, onEdit, id } = props;
  const text = edited ?? written(value);
  const onInput = (event: { currentTarget: HTMLInputElement }): void => onEdit(event.currentTarget.value);
  switch (described.dtype) {
    case "bool":
      return <input id={id} type="checkbox" checked={text === "true"} onChange={(event) => onEdit(String(event.currentTarget.checked))} />;
    case "choice":
      return (
        <select id={id} value={text} onChange={(event) => onEdit(event.currentTarget.value)}>
          {described.choices?.map((one) => (
            <option key={String(one)}>{String(one)}</option>
          ))}
        </select>
      );
    case "binary":
      return (
        <span class="file">
          <span class="faint">{written(value)}</span>{" "}
          <input
            id={id}
            type="file"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              if (file) props.onFile(file);
            }}
          />
        </span>
      );
    case "int":
    case "float":
      return <input id={id} class="short" inputMode={described.dtype === "int" ? "numeric" : "decimal"} value={text} onInput={onInput} />;
    default:
      return <input id={id} value={text} onInput={onInput} />;
  }
}

export function Field(props: FieldProps): JSX.Element {
  const { described, edited } = props;
  const id = `parameter-${described.name}`;
  const problem = edited === undefined ? undefined : wrong(described, edited);
  return (
    <div class={`field ${edited === undefined ? "" : "edited"}`}>
      <label for={id}>
        <strong>{described.name}</strong> <span class="faint">{described.description ?? ""}</span>
      </label>
      <div>
        <Input {...props} id={id} />{" "}
        <span class="faint">
          {described.unit ?? ""} {limits(described)}
        </span>
      </div>
      {problem ? <p class="problem">{problem}</p> : null}
    </div>
  );
}
