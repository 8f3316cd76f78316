/** The log of all processes as it comes, the newest on top: by level, process and text; it can be held still to be read. */
import type { JSX } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { useWatched } from "../api/watch";
import { place, setQuery } from "../route";
import { count, moment, universal } from "../ui/format";
import { useKeydown } from "../ui/keydown";
import { Empty, Panel, Problem } from "../ui/parts";
import { book, following, type Book, type Kept } from "./book";
import { LEVELS, choose, marked, words } from "./choose";
import "./logs.css";

const SHOWN = 500;

function Line(props: { kept: Kept; sought: readonly string[] }): JSX.Element {
  const { line, missed } = props.kept;
  const at = Number(line.created);
  return (
    <>
      <li class={line.levelname.toLowerCase()}>
        <time dateTime={new Date(at * 1000).toISOString()} title={universal(at)}>
          {moment(at)}
        </time>
        <span class="level">{line.levelname}</span>
        <span class="faint">{line.service}</span>
        <span class="words" title={`${line.name}, line ${line.lineno}`}>
          {marked(line.msg, props.sought).map((piece, index) => (index % 2 ? <mark key={index}>{piece}</mark> : piece))}
        </span>
      </li>
      {missed ? <li class="missed">{count(missed)} lines came and went unseen here.</li> : null}
    </>
  );
}

function onSlash(event: KeyboardEvent, field: HTMLInputElement | null): void {
  if (event.key !== "/") return;
  event.preventDefault();
  field?.focus();
}

export function Logs(): JSX.Element {
  const asked = useWatched(following);
  const { query } = place.value;
  const wanted = { level: query.get("level") ?? "INFO", service: query.get("service") ?? "", text: query.get("find") ?? "" };
  const wraps = query.get("wrap") !== "no";
  const [held, setHeld] = useState<Book>();
  const [most, setMost] = useState(SHOWN);
  const field = useRef<HTMLInputElement>(null);
  useKeydown((event) => onSlash(event, field.current));
  const now = held ?? book.value;
  const services = useMemo(() => [...new Set([...now.lines.map((one) => one.line.service), wanted.service])].filter(Boolean).sort(), [now, wanted.service]);
  const found = useMemo(() => choose(now.lines, wanted), [now, wanted.level, wanted.service, wanted.text]);
  const sought = words(wanted.text);
  const behind = held ? book.value.heard - held.heard : 0;
  return (
    <Panel title="Log" id="log" aside={asked === undefined ? null : <span role="status">{`${count(found.length)} of ${count(now.lines.length)} lines`}</span>}>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          from level{" "}
          <select value={wanted.level} onChange={(event) => setQuery({ level: event.currentTarget.value })}>
            {LEVELS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <label>
          of{" "}
          <select value={wanted.service} onChange={(event) => setQuery({ service: event.currentTarget.value })}>
            <option value="">all processes</option>
            {services.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <label>
          with the words{" "}
          <input ref={field} type="search" title="Key /" value={wanted.text} onInput={(event) => setQuery({ find: event.currentTarget.value })} />
        </label>
        <label>
          <input type="checkbox" checked={wraps} onChange={(event) => setQuery({ wrap: event.currentTarget.checked ? undefined : "no" })} /> wrap long lines
        </label>
        <button type="button" aria-pressed={held !== undefined} onClick={() => setHeld(held ? undefined : book.peek())}>
          {held ? "go on" : "hold still"}
        </button>
        {held ? <span role="status">{behind ? `Held still; ${count(behind)} new lines since.` : "Held still; nothing new yet."}</span> : null}
      </form>
      <Problem error={following.error.value} />
      {found.length ? (
        <ol class={`log ${wraps ? "" : "long"}`} reversed>
          {found.slice(0, most).map((one) => (
            <Line key={one.key} kept={one} sought={sought} />
          ))}
        </ol>
      ) : asked === undefined ? (
        <Empty>{following.error.value ? "" : "Asking for the log…"}</Empty>
      ) : (
        <Empty>
          {now.lines.length ? "No line is like that: choose a lower level, another process, or other words." : "Nothing was said yet. What the processes log is shown here as it comes."}
        </Empty>
      )}
      {found.length > most ? (
        <p>
          <button type="button" onClick={() => setMost(most + SHOWN)}>
            show {count(Math.min(SHOWN, found.length - most))} older lines
          </button>
        </p>
      ) : null}
    </Panel>
  );
}
