/** Begin a run of chosen streams by a form, or stop the one that goes on. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { post } from "../api/client";
import { config, progress } from "../api/pipeline";
import { useWatched } from "../api/watch";
import { Empty, Panel, Problem } from "../ui/parts";
import { triggerMap } from "./trigger";

export function Arm(): JSX.Element {
  const now = useWatched(progress);
  const streams = (useWatched(config)?.ingesters ?? []).flatMap((one) => one.streams).sort();
  const there = [...new Set(streams)];
  const [left, setLeft] = useState<readonly string[]>([]);
  const [events, setEvents] = useState("1000");
  const [burst, setBurst] = useState("1");
  const [endless, setEndless] = useState(false);
  const [error, setError] = useState<Error>();
  const chosen = there.filter((one) => !left.includes(one));
  const runs = now?.run !== null && now?.finished === false;

  async function attempt(what: () => Promise<unknown>): Promise<void> {
    try {
      await what();
      setError(undefined);
    } catch (problem) {
      setError(problem instanceof Error ? problem : new Error(String(problem)));
    }
    progress.again();
  }
  const whole = (text: string): boolean => /^\d+$/.test(text) && Number(text) > 0;
  const ready = chosen.length > 0 && whole(burst) && (endless || whole(events));
  if (runs) {
    return (
      <Panel title="This run" id="arm">
        <p>
          <button type="button" onClick={() => void attempt(() => post("stop"))}>
            stop the run
          </button>
        </p>
        <Problem error={error} />
      </Panel>
    );
  }
  return (
    <Panel title="Begin a run" id="arm">
      {there.length ? null : <Empty>No ingester takes part, so that there are no streams to choose from.</Empty>}
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          if (!ready) return;
          const wanted = { streams: chosen, events: endless ? undefined : Number(events), burst: Number(burst) };
          void attempt(() => post("sequence", triggerMap(wanted)));
        }}
      >
        <fieldset>
          <legend>streams</legend>
          {there.map((one) => (
            <label key={one}>
              <input
                type="checkbox"
                checked={!left.includes(one)}
                onChange={(event) => setLeft(event.currentTarget.checked ? left.filter((other) => other !== one) : [...left, one])}
              />{" "}
              {one}
            </label>
          ))}
        </fieldset>
        <label>
          events <input class="short" inputMode="numeric" value={events} disabled={endless} onInput={(event) => setEvents(event.currentTarget.value)} />
        </label>
        <label>
          <input type="checkbox" checked={endless} onChange={(event) => setEndless(event.currentTarget.checked)} /> until stopped
        </label>
        <label>
          in a row to one worker <input class="short" inputMode="numeric" value={burst} onInput={(event) => setBurst(event.currentTarget.value)} />
        </label>
        <button type="submit" class="first" disabled={!ready}>
          arm
        </button>
      </form>
      <Problem error={error} />
    </Panel>
  );
}
