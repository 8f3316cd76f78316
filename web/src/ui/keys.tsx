/** Which keys there are, in a box that `?` opens and Escape closes. */
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { VIEWS } from "../views";
import { useKeydown } from "./keydown";

const OTHERS: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    "Plots, once one is chosen by Tab or a click",
    [
      ["+ −", "zoom"],
      ["← → ↑ ↓", "move"],
      ["0", "all of it"],
      ["Shift", "held down while dragging: mark a rectangle"],
    ],
  ],
  [
    "Weave",
    [
      ["← →", "from event to event; with Shift ten at a time"],
      ["Enter", "the story of the event"],
      ["Esc", "close the story"],
      ["+ −", "fewer events, more events"],
      ["n p", "the next trouble, the one before"],
      ["f", "follow the newest event, or hold still"],
    ],
  ],
  ["Log", [["/", "look for words"]]],
];

function Rows(props: { rows: readonly (readonly [string, string])[] }): JSX.Element {
  return (
    <dl>
      {props.rows.map(([keys, says]) => (
        <div key={keys}>
          <dt>
            {keys.split(" ").map((one) => (
              <kbd key={one}>{one}</kbd>
            ))}
          </dt>
          <dd>{says}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A button that opens the box, as `?` does. */
export function KeysButton(): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  function toggle(): void {
    if (box.current?.open) box.current.close();
    else box.current?.showModal();
  }
  useKeydown((event) => {
    if (event.key !== "?") return;
    event.preventDefault();
    toggle();
  });
  return (
    <>
      <button type="button" class="keys" aria-haspopup="dialog" title="Key ?" onClick={toggle}>
        Keys
      </button>
      <dialog ref={box} class="keylist" aria-label="Keys" onClick={(event) => (event.target === event.currentTarget ? event.currentTarget.close() : undefined)}>
        <div>
          <h2>Keys</h2>
          <Rows rows={[...VIEWS.map((one) => [one.key, one.title] as const), ["?", "this list; Esc closes it"]]} />
          {OTHERS.map(([title, rows]) => (
            <section key={title}>
              <h3>{title}</h3>
              <Rows rows={rows} />
            </section>
          ))}
          <button type="button" onClick={toggle}>
            close
          </button>
        </div>
      </dialog>
    </>
  );
}
