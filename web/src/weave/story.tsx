/** The story of one event, as sentences in the order of time. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { get } from "../api/client";
import { hashOf } from "../route";
import { capital } from "../health/sentence";
import { count, duration, moment } from "../ui/format";
import { Problem } from "../ui/parts";

interface Line {
  at: number | null;
  text: string;
}

interface Story {
  run: string;
  event: number;
  over: boolean;
  state: string;
  errors: { where: string; error: string; message: string; traceback: string }[];
  unknown: string[];
  story: Line[];
}

const AGAIN_AFTER = 1000;

/** How long after the first line that has a time; empty for that one. */
export function since(lines: readonly Line[], line: Line): string {
  const begin = lines.find((one) => one.at !== null)?.at;
  if (line.at === null || begin === null || begin === undefined || line.at === begin) return "";
  return `+${duration(line.at - begin)}`;
}

export function StoryOf(props: { run: string; event: number; onGo: (event: number) => void; onClose: () => void }): JSX.Element {
  const { run, event, onGo, onClose } = props;
  const told = useSignal<Story | undefined>(undefined);
  const error = useSignal<Error | undefined>(undefined);
  useEffect(() => {
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = (): void => {
      get<Story>(`events/${event}?run=${encodeURIComponent(run)}`, ended.signal).then(
        (story) => {
          told.value = story;
          error.value = undefined;
          // What is under way is asked for again: its story goes on.
          if (!story.over && ["assigned", "pending"].includes(story.state)) timer = setTimeout(ask, AGAIN_AFTER);
        },
        (problem: Error) => {
          if (ended.signal.aborted) return;
          error.value = problem;
          timer = setTimeout(ask, AGAIN_AFTER);
        },
      );
    };
    told.value = undefined;
    ask();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [run, event]);
  const story = told.value;
  return (
    <aside class="panel weave-story" aria-label={`The story of event ${event}`}>
      <header>
        <h2>Event {count(event)}</h2>
        <div class="weave-buttons">
          <button type="button" aria-label="the event before" title="the event before" disabled={event <= 0} onClick={() => onGo(event - 1)}>
            ◂
          </button>
          <button type="button" aria-label="the next event" title="the next event" onClick={() => onGo(event + 1)}>
            ▸
          </button>
          <button type="button" aria-label="close the story" title="close (Esc)" onClick={onClose}>
            ✕
          </button>
        </div>
      </header>
      <Problem error={error.value} />
      {story ? (
        <>
          <ol>
            {story.story.map((line, place) => (
              <li key={place}>
                {line.at === null ? (
                  <span />
                ) : (
                  <time dateTime={new Date(line.at * 1000).toISOString()}>
                    {moment(line.at)}
                    <small>{since(story.story, line)}</small>
                  </time>
                )}
                <span>{capital(line.text)}.</span>
              </li>
            ))}
          </ol>
          {story.errors.map((one, place) => (
            <details key={place}>
              <summary>{one.error} in detail</summary>
              <pre>{one.traceback || one.message}</pre>
            </details>
          ))}
          {story.errors.length ? <a href={hashOf("errors")}>all errors of the run</a> : null}
          {story.unknown.map((one) => (
            <p class="faint" key={one}>
              Not known: {one}.
            </p>
          ))}
        </>
      ) : error.value ? null : (
        <p class="empty">Asking the processes…</p>
      )}
    </aside>
  );
}
