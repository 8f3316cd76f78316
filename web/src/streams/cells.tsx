/** Cells of the tables of streams and processes. */
import type { JSX } from "preact";
import "./streams.css";
import { capital } from "../health/sentence";

/** A word with a sign of its own for each tone, and why it is so. */
export function State(props: { tone: string; text: string; why?: string | undefined }): JSX.Element {
  return (
    <div class={`state ${props.tone}`}>
      <span>{props.text}</span>
      {props.why ? <small>{capital(props.why)}</small> : null}
    </div>
  );
}

/** How full something is: a bar from 0 to 1 with the same in words; null where there is no limit. */
export function Level(props: { share: number | null; text: string; tone: string }): JSX.Element {
  return (
    <div class="level-cell">
      {props.share === null ? null : (
        <div class={`bar level ${props.tone}`} role="img" aria-label={props.text}>
          <i style={{ width: `${100 * Math.min(props.share, 1)}%` }} />
        </div>
      )}
      {props.share === null ? props.text : <small>{props.text}</small>}
    </div>
  );
}
