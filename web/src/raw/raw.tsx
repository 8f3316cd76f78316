/** Raw events as the debug workers keep them: the newest, or one that is looked at for longer, and from there to those beside it. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Worker } from "../api/answers";
import { config } from "../api/pipeline";
import { useWatched, watchPath } from "../api/watch";
import { place as here, setQuery } from "../route";
import { bytes, count, moment } from "../ui/format";
import { Empty, Panel, Problem } from "../ui/parts";
import { addressOf, beside, placeOf, type Kept, type RawEvent, type RawPacket } from "./kept";
import { useEvent } from "./load";
import { PacketPanel } from "./packet";
import "./raw.css";

const LOOK_MS = 500;

function NoWorker(): JSX.Element {
  return (
    <>
      <Empty>No debug worker takes part, so there are no raw events to look at.</Empty>
      <p>
        A debug worker keeps the last events that come to it. Add <code>debugworker: &#123;http: 127.0.0.1:5002&#125;</code> to the pipeline file and start the
        pipeline again, or start one beside it with <code>beamloom debugworker</code>.
      </p>
      <NoEvents />
    </>
  );
}

function NoEvents(): JSX.Element {
  return (
    <p>
      Only events whose trigger map asks for its tag come to it. Under <a href="#runs">Runs</a> say of how many events one is for the debug worker; in a map of
      your own write <code>&#123;"tags": ["debug"]&#125;</code> beside <code>&#123;"constraint": 0&#125;</code> where you want to see an event.
    </p>
  );
}

function List(props: { kept: Kept; shown: number | undefined }): JSX.Element {
  return (
    <div class="rawlist">
      <table>
        <thead>
          <tr>
            <th class="number">event</th>
            <th>came at</th>
            <th class="number">size</th>
          </tr>
        </thead>
        <tbody>
          {[...props.kept.events].reverse().map((one) => (
            <tr key={one.place} class={one.place === props.shown ? "chosen" : ""}>
              <td class="number">
                <a href={`#debug?at=${one.place}`} aria-current={one.place === props.shown ? "true" : undefined} onClick={(event) => (event.preventDefault(), setQuery({ at: String(one.place) }))}>
                  {count(one.event_number)}
                </a>
              </td>
              <td>{moment(one.at)}</td>
              <td class="number">{bytes(one.bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Steps(props: { kept: Kept; shown: number | undefined; following: boolean }): JSX.Element {
  const { kept, shown, following } = props;
  const [before, after] = [beside(kept, shown, -1), beside(kept, shown, 1)];
  const go = (to: number | undefined): void => setQuery({ at: to === undefined ? undefined : String(to) });
  return (
    <div class="steps">
      <button disabled={before === undefined} onClick={() => go(before)}>
        previous
      </button>
      <button disabled={after === undefined} onClick={() => go(after)}>
        next
      </button>
      {following ? (
        <button disabled={shown === undefined} onClick={() => go(shown)}>
          pause
        </button>
      ) : (
        <button class="first" onClick={() => go(undefined)}>
          follow the newest
        </button>
      )}
    </div>
  );
}

function Events(props: { worker: string }): JSX.Element {
  const { worker } = props;
  const watched = useMemo(() => watchPath<Kept>(addressOf(worker, ""), LOOK_MS), [worker]);
  const kept = useWatched(watched);
  const asked = here.value.query.get("at");
  const chosen = asked !== null && /^\d+$/.test(asked) ? Number(asked) : undefined;
  const following = chosen === undefined;
  const shown = placeOf(kept, chosen);
  const { loaded, error } = useEvent(worker, shown, following);
  const event = loaded?.event;
  const gone = event !== undefined && kept !== undefined && !kept.events.some((one) => one.place === event.place);
  if (!kept) return watched.error.value ? <Problem error={watched.error.value} /> : <Empty>Asking for its events…</Empty>;
  if (!kept.events.length && !event) {
    return (
      <>
        <Problem error={watched.error.value} />
        <Empty>No event has come to {worker} yet.</Empty>
        <NoEvents />
      </>
    );
  }
  return (
    <div class="beside">
      <Panel title="Kept events" id="kept" aside={<span title={`The last ${count(kept.keeps)} are kept.`}>{`${count(kept.events.length)} of ${count(kept.seen)}`}</span>}>
        <Problem error={watched.error.value} />
        <Steps kept={kept} shown={following ? (event?.place ?? shown) : shown} following={following} />
        <List kept={kept} shown={event?.place ?? shown} />
      </Panel>
      <div class="packets" id="raw-event" data-place={event?.place}>
        <Problem error={error} />
        {event ? (
          <>
            <h2>
              Event {count(event.event_number)}{" "}
              <span class="faint">
                came at {moment(event.at)}, {bytes(event.bytes)}
                {following ? "" : ", paused"}
              </span>
            </h2>
            {gone ? <p class="faint">The debug worker keeps it no more; what you see is what it was.</p> : null}
            {inOrder(event).map(([stream, packet]) => (
              <PacketPanel key={stream} stream={stream} packet={packet} arrays={loaded?.arrays[stream] ?? {}} />
            ))}
          </>
        ) : null}
      </div>
    </div>
  );
}

/** By name: packets come in any order, and the page must not jump about. */
function inOrder(event: RawEvent): [string, RawPacket][] {
  return Object.entries(event.streams).sort(([one], [other]) => one.localeCompare(other));
}

function shows(worker: Worker): boolean {
  return worker.role === "debugworker" && worker.http !== null;
}

export function Raw(): JSX.Element {
  const now = useWatched(config);
  const workers = (now?.workers ?? []).filter(shows).map((one) => one.name);
  const asked = here.value.query.get("worker");
  const worker = workers.find((one) => one === asked) ?? workers[0];
  const choice =
    workers.length > 1 ? (
      <label>
        debug worker{" "}
        <select value={worker} onChange={(event) => setQuery({ worker: event.currentTarget.value, at: undefined })}>
          {workers.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
    ) : null;
  if (worker === undefined) {
    return (
      <Panel title="Raw events">
        <Problem error={config.error.value} />
        {now ? <NoWorker /> : <Empty>Asking which debug workers there are…</Empty>}
      </Panel>
    );
  }
  return (
    <>
      {choice}
      <Events key={worker} worker={worker} />
    </>
  );
}
