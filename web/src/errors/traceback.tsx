/** A traceback for people: the line of the analysis first, then all calls, those of libraries folded. */
import type { JSX } from "preact";
import { count } from "../ui/format";
import { culprit, fileName, pieces, type Frame } from "./frames";

const PACKAGE = /(?:site-packages|dist-packages)[\\/]([^\\/]+)/;

function of(frames: readonly Frame[]): string {
  const names = frames.map((one) => PACKAGE.exec(one.file)?.[1]?.replace(/\.py$/, "") ?? (/[\\/]beamloom[\\/]/.test(one.file) ? "beamloom" : "Python"));
  return [...new Set(names)].join(", ");
}

export function Traceback(props: { text: string }): JSX.Element {
  const own = culprit(props.text);
  return (
    <div class="traceback">
      {own ? (
        <p class="culprit">
          <strong>{fileName(own.file)}</strong>, line {own.line}, in {own.function}
          {own.code ? <code>{own.code}</code> : null}
        </p>
      ) : null}
      <div class="calls" tabIndex={0}>
        {pieces(props.text).map((piece, place) => {
          if (piece.kind === "text") return <pre key={place}>{piece.text}</pre>;
          if (piece.kind === "frame") {
            return (
              <pre key={place} class={`own ${piece.frame === own ? "last" : ""}`}>
                {piece.frame.text}
              </pre>
            );
          }
          return (
            <details key={place}>
              <summary>
                {piece.frames.length === 1 ? "a call" : `${count(piece.frames.length)} calls`} in {of(piece.frames)}
              </summary>
              <pre>{piece.frames.map((one) => one.text).join("\n")}</pre>
            </details>
          );
        })}
      </div>
    </div>
  );
}
