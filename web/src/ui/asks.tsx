/** A question that is asked once more before something is ended. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** `label` says what is meant, `question` and `children` what becomes of it. It has the focus when it appears; Escape is no. */
export function Asks(props: { label: string; question: string; children: ComponentChildren; yes: string; onYes: () => void; onNo: () => void }): JSX.Element {
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => first.current?.focus(), []);
  return (
    <div class="asks" role="alertdialog" aria-label={props.label} onKeyDown={(event) => (event.key === "Escape" ? props.onNo() : undefined)}>
      <p>
        <strong>{props.question}</strong> {props.children}
      </p>
      <p class="filters">
        <button type="button" class="first" ref={first} onClick={props.onYes}>
          {props.yes}
        </button>
        <button type="button" onClick={props.onNo}>
          let it go on
        </button>
      </p>
    </div>
  );
}
