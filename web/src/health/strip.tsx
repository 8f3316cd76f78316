/** The strip on top of every view: how the run is, in numbers and one sentence. */
import { useComputed, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Progress } from "../api/answers";
import { diagnosis, progress } from "../api/pipeline";
import { useWatched } from "../api/watch";
import { Bar } from "../ui/parts";
import { count, duration, rate } from "../ui/format";
import { Rate } from "./rates";
import { say } from "./sentence";

const KINDS = ["reduced", "failed", "lost", "assigned"] as const;

function Figure(props: { name: string; value: string; tone?: string; hint?: string }): JSX.Element {
  return (
    <div class={`figure ${props.tone ?? ""}`} title={props.hint}>
      <dt>{props.name}</dt>
      <dd>{props.value}</dd>
    </div>
  );
}

function left(now: Progress, perSecond: number | null): string {
  if (now.finished || now.total_events === null || !perSecond) return "–";
  return duration((now.total_events - now.completed_events) / perSecond);
}

export function HealthStrip(): JSX.Element {
  const now = useWatched(progress);
  const doctor = useWatched(diagnosis);
  const away = useComputed(() => progress.error.value ?? diagnosis.error.value);
  const out = useRef(new Rate());
  const [perSecond, setPerSecond] = useState<number | null>(null);
  useSignalEffect(() => {
    const latest = progress.value.value;
    if (!latest) return;
    out.current.look(latest.completed_events, performance.now() / 1000);
    setPerSecond(out.current.perSecond);
  });
  const sentence = say(now, doctor, away.value);
  return (
    <header class={`strip ${sentence.tone}`} aria-label="Health">
      <div class="said">
        <span class="lamp" aria-hidden="true" />
        <div role="status">
          <strong>{sentence.text}</strong>
          {sentence.todo ? <span class="todo">{sentence.todo}</span> : null}
        </div>
      </div>
      {now?.run ? (
        <>
          <Bar
            shares={KINDS.map((name) => ({ name, size: now[name] }))}
            total={now.total_events ?? Math.max(now.last_assigned, now.completed_events, 1)}
            label={`${count(now.reduced)} reduced, ${count(now.failed)} failed, ${count(now.lost)} lost of ${count(now.total_events)} events`}
          />
          <dl>
            <Figure name="run" value={now.run.slice(0, 8)} hint={now.run} />
            <Figure name="phase" value={now.phase} />
            <Figure name="events" value={`${count(now.completed_events)} of ${now.total_events === null ? "open" : count(now.total_events)}`} />
            <Figure name="per second" value={now.finished ? "–" : rate(perSecond)} />
            <Figure name="left" value={left(now, perSecond)} />
            <Figure name="failed" value={count(now.failed)} tone={now.failed ? "trouble" : ""} />
            <Figure name="lost" value={count(now.lost)} tone={now.lost ? "trouble" : ""} />
            <Figure name="pending" value={count(now.pending)} />
          </dl>
        </>
      ) : null}
    </header>
  );
}
