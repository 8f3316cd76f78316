/** The strip on top of every view: how the run is, in one sentence and in numbers that lead to what explains them. */
import { useComputed, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Progress } from "../api/answers";
import { flow, type Flow } from "../api/flow";
import { diagnosis, progress } from "../api/pipeline";
import { useWatched } from "../api/watch";
import { hashOf } from "../route";
import { count, duration } from "../ui/format";
import { Bar } from "../ui/parts";
import { UNKNOWN, inResult, lagOf, perSecond } from "./figures";
import { Rate } from "./rates";
import { outdated, say } from "./sentence";

/** Of the controller that this page came from. */
let loaded: string | undefined;

const KINDS = ["reduced", "failed", "lost", "assigned"] as const;
/** Seconds over which is judged when the run will be over. */
const FORESIGHT = 10;

function Figure(props: { name: string; value: string; tone?: string; hint: string; to?: string }): JSX.Element {
  return (
    <div class={`figure ${props.tone ?? ""}`} title={props.hint} data-figure={props.name}>
      <dt>{props.name}</dt>
      <dd>{props.to === undefined ? props.value : <a href={props.to}>{props.value}</a>}</dd>
    </div>
  );
}

function left(now: Progress, rate: number | null): string {
  if (now.finished || now.total_events === null || !rate) return UNKNOWN;
  return duration((now.total_events - now.completed_events) / rate);
}

function Figures(props: { now: Progress; flow: Flow | undefined; rate: number | null }): JSX.Element {
  const { now, rate } = props;
  const flowing = props.flow?.run === now.run ? props.flow : undefined;
  const lag = lagOf(flowing);
  const account = (show: string): string => hashOf("", { show });
  const begun = flowing?.started_at ? `, begun ${new Date(flowing.started_at * 1000).toLocaleString("en-GB")}` : "";
  return (
    <dl>
      <Figure name="run" value={(now.run ?? "").slice(0, 8)} hint={`${now.run}${begun}`} to="#runs" />
      <Figure name="state" value={now.phase} hint={now.stopped ?? `The run is ${now.phase}.`} />
      <Figure name="events" value={now.total_events === null ? count(now.completed_events) : `${count(now.completed_events)} of ${count(now.total_events)}`} hint={`Events of which it is known what became of them${now.total_events === null ? "; the run goes on until it is stopped" : ""}`} to={account("events")} />
      <Figure name="time left" value={left(now, rate)} hint="At the pace of the last ten seconds" />
      <Figure name="in" value={perSecond(flowing?.rate_in)} hint="Whole events that arrive each second" to={account("streams")} />
      <Figure name="out" value={perSecond(flowing?.rate_out)} hint="Events each second whose results are taken" to={account("processes")} />
      <Figure name="lag" value={lag.text} hint={lag.hint} />
      <Figure name="in the result" value={inResult(now)} hint="Of the events of which it is known what became of them" to={account("events")} />
      <Figure name="failed" value={count(now.failed)} tone={now.failed ? "trouble" : ""} hint="Events on which the analysis failed" to="#errors" />
      <Figure name="lost" value={count(now.lost)} tone={now.lost ? "trouble" : ""} hint="Events without all of their packets, or given up" to={account("events")} />
      <Figure name="pending" value={count(now.pending)} hint="Events that nobody has begun yet" to={account("events")} />
    </dl>
  );
}

export function HealthStrip(): JSX.Element {
  const now = useWatched(progress);
  const doctor = useWatched(diagnosis);
  const flowing = useWatched(flow);
  const away = useComputed(() => progress.error.value ?? diagnosis.error.value);
  const out = useRef(new Rate(FORESIGHT));
  const [rate, setRate] = useState<number | null>(null);
  useSignalEffect(() => {
    const latest = progress.value.value;
    if (!latest) return;
    out.current.look(latest.completed_events, performance.now() / 1000);
    setRate(out.current.perSecond);
  });
  loaded ??= doctor?.version;
  const old = outdated(loaded, doctor?.version);
  const sentence = say(now, doctor, away.value);
  return (
    <header class={`strip ${sentence.tone}`} aria-label="Health">
      <div class="said">
        <span class="lamp" aria-hidden="true" />
        <div role="status">
          <strong>{sentence.text}</strong>
          {sentence.todo ? <span class="todo">{sentence.todo}</span> : null}
          {sentence.others ? (
            <details>
              <summary>and {count(sentence.others.length)} more</summary>
              <ul>
                {sentence.others.map((one) => (
                  <li key={one}>{one}</li>
                ))}
              </ul>
            </details>
          ) : null}
          {old ? (
            <p class="problem">
              {old}{" "}
              <button type="button" onClick={() => location.reload()}>
                load it again
              </button>
            </p>
          ) : null}
          {sentence.note ? <span class="todo">{sentence.note}</span> : null}
        </div>
      </div>
      {now?.run ? (
        <>
          <Bar
            shares={KINDS.map((name) => ({ name, size: now[name] }))}
            total={now.total_events ?? Math.max(now.last_assigned, now.completed_events, 1)}
            label={`${count(now.reduced)} reduced, ${count(now.failed)} failed, ${count(now.lost)} lost of ${count(now.total_events)} events`}
          />
          <Figures now={now} flow={flowing} rate={rate} />
        </>
      ) : null}
    </header>
  );
}
