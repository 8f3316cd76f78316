/** What a parameter is edited with, by its type. */
import type { JSX } from "preact";
import type { Described } from "../api/answers";
import { below } from "../api/place";
import { bytes } from "../ui/format";
import { storedAsText, type Stored } from "./stored";

export interface InputProps {
  readonly id: string;
  readonly described: Described;
  /** As it is edited, else as it holds. */
  readonly text: string;
  readonly file: File | undefined;
  /** What is kept of it, where that is not written out. */
  readonly stored: Stored | undefined;
  readonly wrong: boolean;
  readonly onText: (text: string) => void;
  readonly onFile: (file: File) => void;
  readonly onClear: () => void;
}

/** Where the content of a parameter is read. */
function hrefOf(name: string): string {
  return below(`/api/v1/parameter/${name.split("/").map(encodeURIComponent).join("/")}`);
}

function FileInput(props: InputProps & { content: string; accept?: string; name: string }): JSX.Element {
  const { id, file, stored, name, content } = props;
  return (
    <span class="file">
      <span class="stored">
        {file ? (
          <>
            <strong>{file.name}</strong> ({bytes(file.size)})
          </>
        ) : stored && stored.size > 0 ? (
          <>
            <a href={hrefOf(content)} download={name || content}>
              {name || "content"}
            </a>{" "}
            <span class="faint" title={`SHA-256 ${stored.digest}`}>
              {storedAsText(stored)}
            </span>
          </>
        ) : (
          <span class="faint">{name ? `${name}, without content` : "no file"}</span>
        )}
      </span>
      <input
        id={id}
        type="file"
        {...(props.accept ? { accept: props.accept } : {})}
        onChange={(event) => {
          const chosen = event.currentTarget.files?.[0];
          if (chosen) props.onFile(chosen);
          event.currentTarget.value = "";
        }}
      />
      {!file && stored && stored.size > 0 ? (
        <button type="button" class="quiet" onClick={props.onClear}>
          remove
        </button>
      ) : null}
    </span>
  );
}

export function Input(props: InputProps): JSX.Element {
  const { described, text, id, onText } = props;
  const isFile = described.dtype === "file" || described.dtype === "array";
  // What is too long to be written out is exchanged as a whole, whatever it means.
  if (!isFile && (props.stored || props.file)) return <FileInput {...props} name="" content={described.name} />;
  const shared = { id, "aria-invalid": props.wrong, "aria-describedby": `${id}-about` };
  switch (described.dtype) {
    case "bool":
      return (
        <span>
          <input {...shared} type="checkbox" checked={text === "true"} onChange={(event) => onText(String(event.currentTarget.checked))} />{" "}
          <span class="faint">{text === "true" ? "on" : "off"}</span>
        </span>
      );
    case "choice":
      return (
        <select {...shared} value={text} onChange={(event) => onText(event.currentTarget.value)}>
          {described.choices?.map((one) => (
            <option key={String(one)}>{String(one)}</option>
          ))}
        </select>
      );
    case "file":
      return <FileInput {...props} name={text} content={`${described.name}_file`} />;
    case "array":
      return (
        <>
          {props.stored || props.file ? null : (
            <textarea {...shared} rows={Math.min(8, text.split("\n").length)} value={text} spellcheck={false} onInput={(event) => onText(event.currentTarget.value)} />
          )}
          <details class="npy" {...(props.stored || props.file ? { open: true } : {})}>
            <summary>from a file (.npy)</summary>
            <FileInput {...props} id={`${id}-npy`} name="" content={described.name} accept=".npy" />
          </details>
        </>
      );
    case "int":
    case "float":
      return (
        <input {...shared} class="short" inputMode={described.dtype === "int" ? "numeric" : "decimal"} value={text} onInput={(event) => onText(event.currentTarget.value)} />
      );
    default:
      // An input of one line would throw the others away.
      if (text.includes("\n")) return <textarea {...shared} rows={Math.min(12, text.split("\n").length)} value={text} onInput={(event) => onText(event.currentTarget.value)} />;
      return <input {...shared} value={text} onInput={(event) => onText(event.currentTarget.value)} />;
  }
}
