/** A line of text that a button copies, also on pages to which browsers give no clipboard. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const SHOWN_MS = 10_000;

async function copy(text: string, element: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No secure page, or not allowed: what is selected can be copied by hand at least.
    const range = document.createRange();
    range.selectNodeContents(element);
    getSelection()?.removeAllRanges();
    getSelection()?.addRange(range);
    return document.execCommand("copy");
  }
}

export function Copied(props: { text: string; name: string }): JSX.Element {
  const line = useRef<HTMLElement>(null);
  const [said, setSaid] = useState("");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  async function onClick(): Promise<void> {
    setSaid((await copy(props.text, line.current!)) ? "copied" : "selected: copy it with Ctrl-C");
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setSaid(""), SHOWN_MS);
  }
  return (
    <span class="copied">
      <code ref={line}>{props.text}</code>{" "}
      <button type="button" title={`copy ${props.name}`} onClick={() => void onClick()}>
        copy
      </button>{" "}
      <span class="faint" role="status">
        {said}
      </span>
    </span>
  );
}
