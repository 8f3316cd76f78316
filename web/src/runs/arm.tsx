/** Begin a run by a form: chosen streams and so many events, or as a run before. It is shown before it is sent. */
import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Epochs, RunDetail, RunLine, ShownPlan } from "../api/answers";
import { errorOf, get, post } from "../api/client";
import { config, progress } from "../api/pipeline";
import { useWatched } from "../api/watch";
import { place, setQuery } from "../route";
import { ago, count } from "../ui/format";
import { Empty, Panel, Problem } from "../ui/parts";
import { FIRST, limitsOf, nameable, planOf, told, whole, type Draft, type Kind, type Plan } from "./plan";
import { Preview } from "./preview";
import { Stop } from "./stop";
import { differences, setAsThen, TemplateParameters } from "./template";

/** What was typed; it outlives the view. */
const draft = signal<Draft>(FIRST);
const LOOK_AFTER_MS = 200;
const AGAIN_MS = 2000;

interface Looked {
  readonly plan?: ShownPlan;
  readonly refusal?: Error;
}

/** What the plan would be, asked for when it has changed, and when processes have come or gone. */
function useLook(plan: Plan | undefined, processes: string): Looked | undefined {
  const key = plan ? JSON.stringify(plan) + processes : "";
  const [state, setState] = useState<{ key: string; looked: Looked }>();
  useEffect(() => {
    if (!plan) return;
    let over = false;
    let timer = setTimeout(look, LOOK_AFTER_MS);
    function look(): void {
      post<ShownPlan>("plan", plan).then(
        (found) => hear(found ? { plan: found } : {}),
        (refusal: Error) => hear({ refusal }),
      );
    }
    function hear(looked: Looked): void {
      if (over) return;
      setState({ key, looked });
      // What keeps the run from beginning may pass by itself, such as a controller that is started anew.
      if (looked.refusal || looked.plan?.problem) timer = setTimeout(look, AGAIN_MS);
    }
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [key]);
  // While the next one is asked for, the last one stays, so that nothing jumps.
  return plan ? state?.looked : undefined;
}

function Short(props: { label: string; value: string; unit?: string; disabled?: boolean; onText: (text: string) => void; wide?: boolean; hint?: string }): JSX.Element {
  return (
    <label title={props.hint}>
      {props.label}{" "}
      <input class="short" inputMode="numeric" value={props.value} disabled={props.disabled ?? false} onInput={(event) => props.onText(event.currentTarget.value)} /> {props.unit}
    </label>
  );
}

function Choice(props: { kind: Kind; now: Kind; onKind: (kind: Kind) => void; children: ComponentChildren }): JSX.Element {
  return (
    <label>
      <input type="radio" name="kind" checked={props.kind === props.now} onChange={() => props.onKind(props.kind)} /> {props.children}
    </label>
  );
}

function Fields(props: { now: Draft; streams: readonly string[]; debugs: boolean; change: (part: Partial<Draft>) => void }): JSX.Element {
  const { now, streams, change } = props;
  const windows = now.kind === "windows";
  return (
    <>
      <fieldset>
        <legend>streams</legend>
        {streams.map((one) => {
          const takes = !now.left.includes(one);
          return (
            <span class="stream" key={one}>
              <label>
                <input type="checkbox" checked={takes} onChange={() => change({ left: takes ? [...now.left, one] : now.left.filter((other) => other !== one) })} /> {one}
              </label>
              {takes && !windows ? (
                <label class="faint" title={`Where ${one} is slower than the trigger: events for each of its packets`}>
                  one packet every <input class="tiny" inputMode="numeric" placeholder="1" value={now.every[one] ?? ""} onInput={(event) => change({ every: { ...now.every, [one]: event.currentTarget.value } })} />{" "}
                  {whole(now.every[one] ?? "1") === 1 ? "event" : "events"}
                </label>
              ) : null}
            </span>
          );
        })}
      </fieldset>
      <fieldset>
        <legend>how many</legend>
        <Short label="events" value={now.events} disabled={now.endless && !windows} onText={(events) => change({ events })} />
        <label>
          <input type="checkbox" checked={now.endless && !windows} disabled={windows} onChange={(event) => change({ endless: event.currentTarget.checked })} /> until stopped
        </label>
      </fieldset>
      <fieldset>
        <legend>to whom</legend>
        <Choice kind="each" now={now.kind} onKind={(kind) => change({ kind })}>
          each to the next free worker
        </Choice>
        <Choice kind="batches" now={now.kind} onKind={(kind) => change({ kind })}>
          batches to the same worker
        </Choice>
        <Choice kind="windows" now={now.kind} onKind={(kind) => change({ kind })}>
          windows that overlap
        </Choice>
        {now.kind === "batches" ? <Short label="in a row" value={now.size} onText={(size) => change({ size })} /> : null}
        {windows ? <Short label="frames shared by neighbours" value={now.share} onText={(share) => change({ share })} /> : null}
      </fieldset>
      {props.debugs && !windows ? (
        <fieldset>
          <legend>to look at</legend>
          <Short
            label="for the debug worker one in"
            unit="events"
            value={now.debugEvery}
            onText={(debugEvery) => change({ debugEvery })}
            hint="It keeps them as they are, and Raw shows them; empty: none"
          />
        </fieldset>
      ) : null}
    </>
  );
}

export function Arm(props: { runs: readonly RunLine[] }): JSX.Element {
  const going = useWatched(progress);
  const there = useWatched(config);
  const now = draft.value;
  const template = place.value.query.get("like") ?? "";
  const [asThen, setAsThenToo] = useState(true);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error>();
  const streams = there ? nameable(there) : [];
  const debugs = (there?.workers ?? []).some((one) => one.tags.includes("debug"));
  const processes = JSON.stringify([streams, there?.workers.map((one) => [one.name, one.fault]), there?.reducer?.name]);
  const wanted = there ? planOf({ ...now, like: template, ...(debugs ? {} : { debugEvery: "" }) }, streams) : "Asking which streams there are…";
  const plan = typeof wanted === "string" ? undefined : wanted;
  const looked = useLook(plan, processes);
  function change(part: Partial<Draft>): void {
    draft.value = { ...draft.peek(), ...part };
  }
  async function arm(what: Plan): Promise<void> {
    setBusy(true);
    try {
      if (what.like && asThen) {
        const [held, then] = await Promise.all([get<Epochs>("epochs"), get<RunDetail>(`runs/${what.like}`)]);
        await setAsThen(differences(held.values, then.epochs?.at(-1)?.values));
      }
      await post(`plan/arm${limitsOf(now)}`, what);
      setError(undefined);
      setQuery({ like: undefined });
    } catch (problem) {
      setError(errorOf(problem));
    }
    setBusy(false);
    progress.again();
  }
  if (going && going.run !== null && !going.finished) return <Stop now={going} key={going.run} />;
  const problem = looked?.refusal?.message ?? looked?.plan?.problem ?? undefined;
  return (
    <Panel title="Begin a run" id="arm">
      <form
        class="arm"
        onSubmit={(event) => {
          event.preventDefault();
          if (plan && !problem && !busy) void arm(plan);
        }}
      >
        <label class="as">
          as{" "}
          <select value={template} onChange={(event) => setQuery({ like: event.currentTarget.value })}>
            <option value="">a new run</option>
            {props.runs.map((one) => (
              <option key={one.run} value={one.run}>
                run {one.run.slice(0, 8)}, {ago(one.started_at)}, {one.total_events === null ? "until stopped" : `${count(one.total_events)} events`}, {one.streams.join(" + ")}
              </option>
            ))}
          </select>
        </label>
        {template ? <TemplateParameters key={template} run={template} wanted={asThen} onWanted={setAsThenToo} /> : <Fields now={now} streams={streams} debugs={debugs} change={change} />}
        <details>
          <summary>end it early by itself</summary>
          <p class="filters">
            <Short label="when more have failed than" value={now.maxFailed} unit="events (or 5%)" onText={(maxFailed) => change({ maxFailed })} />
            <Short label="when nothing comes for" value={now.idle} unit="s" onText={(idle) => change({ idle })} />
          </p>
        </details>
        {plan ? <p>{told(plan)}</p> : <Empty>{typeof wanted === "string" ? wanted : ""}</Empty>}
        {looked?.plan ? <Preview plan={looked.plan} /> : null}
        {problem ? (
          <p class="problem" role="alert">
            It could not begin now: {problem.replace(/\.$/, "")}.
          </p>
        ) : null}
        <p class="filters">
          <button type="submit" class="first" disabled={!plan || !looked || problem !== undefined || busy}>
            {busy ? "waiting for the devices…" : "arm"}
          </button>
          {plan && looked?.plan && !problem ? <span class="faint">Streams and workers are there. Arming waits until every device is ready.</span> : null}
        </p>
        <Problem error={error} />
      </form>
    </Panel>
  );
}
