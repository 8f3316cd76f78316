/** The parameters as a form, made of their descriptions; what is typed is set together, from one event on. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Described, Epochs } from "../api/answers";
import { errorOf, post } from "../api/client";
import { progress } from "../api/pipeline";
import { useWatched, watchPath } from "../api/watch";
import { Empty, Panel, Problem } from "../ui/parts";
import { written } from "./changes";
import { blamed } from "./checks";
import { edits, forget, type Edits } from "./edits";
import { Field, problemOf } from "./field";
import { contentOf, grouped } from "./groups";
import { History } from "./history";
import "./parameters.css";
import { check, send } from "./sending";
import { storedOf } from "./stored";

const described = watchPath<Described[]>("parameters", 2000);
/** Of a run with very many changes the last ones are shown. */
const MOST_EPOCHS = 50;
const epochs = watchPath<Epochs>(`epochs?last=${MOST_EPOCHS + 1}`, 700);

/** Milliseconds after the last key until the controller is asked. */
const CHECK_AFTER_MS = 250;
const TOLD_AFTER_MS = 3000;
/** From so many parameters on there is a field to find them. */
const MANY = 12;

/** Waits until a later epoch has been told, for a while. */
function beyond(epoch: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, TOLD_AFTER_MS);
    const stop = epochs.value.subscribe((now) => {
      if (now && now.epoch > epoch) queueMicrotask(end);
    });
    function end(): void {
      clearTimeout(timer);
      stop();
      resolve();
    }
    epochs.again();
  });
}

/** Why the controller does not take what is typed, by name. */
function useRefusals(edited: Edits, all: readonly Described[] | undefined): Record<string, string> {
  const [refusals, setRefusals] = useState<Record<string, string>>({});
  useEffect(() => {
    setRefusals({});
    if (!all || !Object.keys(edited).length) return;
    let over = false;
    const timer = setTimeout(() => {
      check(edited, all).then(
        (found) => (over ? undefined : setRefusals(found)),
        // Who may not ask is told when he sets it.
        () => undefined,
      );
    }, CHECK_AFTER_MS);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [edited, all === undefined]);
  return refusals;
}

function When(): JSX.Element {
  const now = useWatched(progress);
  const runs = now?.run && !now.finished;
  return <>{runs ? "Values hold from the next event on that no worker has been given yet, all from the same one." : "No run goes on: values hold from the next run on."}</>;
}

/** What was set under a name that no class knows: a slip of the pen, mostly. */
function Undescribed(props: { values: Record<string, unknown>; described: readonly Described[] }): JSX.Element | null {
  const known = new Set(props.described.flatMap((one) => [one.name, contentOf(one.name)]));
  const others = Object.entries(props.values).filter(([name]) => !known.has(name));
  if (!others.length) return null;
  return <p class="faint">Set, but described by no class of the analysis: {others.map(([name, value]) => `${name} = ${written(value)}`).join(", ")}.</p>;
}

export function Parameters(): JSX.Element {
  const all = useWatched(described);
  const now = useWatched(epochs);
  const edited = edits.value;
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);
  const [sought, setSought] = useState("");
  const refusals = useRefusals(edited, all);

  async function change(what: () => Promise<unknown>): Promise<void> {
    setBusy(true);
    try {
      await what();
      setError(undefined);
      epochs.again();
    } catch (problem) {
      setError(errorOf(problem));
    }
    setBusy(false);
  }
  if (!all || !now) {
    return (
      <Panel title="Parameters">
        <Problem error={described.error.value ?? epochs.error.value} />
        <Empty>Asking for the parameters…</Empty>
      </Panel>
    );
  }
  const named = error && blamed(error.message);
  const refused = (name: string): string | undefined => blamed(refusals[name] ?? "")?.said ?? refusals[name] ?? (named?.name === name ? named.said : undefined);
  const waiting = all.filter((one) => edited[one.name]);
  const bad = waiting.some((one) => problemOf(one, edited[one.name], blamed(refusals[one.name] ?? "")?.said) !== undefined);
  const matching = all.filter((one) => !sought || `${one.name} ${one.description ?? ""}`.toLowerCase().includes(sought.toLowerCase()));
  function set(): void {
    const { epoch } = now!;
    void change(async () => {
      await send(edited, all!);
      // Else the fields would show for a moment what held before.
      await beyond(epoch);
      forget(edited);
    });
  }
  return (
    <>
      <Panel title="Parameters" id="parameters" aside={<span title="how often parameters have been set since the pipeline was started">epoch {now.epoch}</span>}>
        <Problem error={described.error.value ?? epochs.error.value} />
        {all.length ? null : <Empty>The classes of the analysis describe no parameters.</Empty>}
        {all.length > MANY ? (
          <input class="seek" type="search" placeholder="find a parameter" aria-label="find by name or meaning" value={sought} onInput={(event) => setSought(event.currentTarget.value)} />
        ) : null}
        <form
          class="parameters"
          onSubmit={(event) => {
            event.preventDefault();
            if (waiting.length && !bad && !busy) set();
          }}
        >
          {grouped(matching).map((group) => (
            <section key={group.title} data-group={group.title}>
              {group.title ? <h3>{group.title}</h3> : null}
              <div class="fields">
                {group.members.map((one) => (
                  <Field
                    key={one.name}
                    described={one}
                    value={now.values[one.name] ?? one.default}
                    content={storedOf(now.values[contentOf(one.name)])}
                    edited={edited[one.name]}
                    refused={edited[one.name] ? refused(one.name) : undefined}
                  />
                ))}
              </div>
            </section>
          ))}
          {matching.length || !all.length ? null : <Empty>No parameter has “{sought}” in its name or description.</Empty>}
          <div class={`set ${waiting.length ? "waiting" : ""}`}>
            <p class="filters">
              <button type="submit" class="first" disabled={busy || bad || !waiting.length}>
                {busy ? "setting…" : waiting.length > 1 ? `set ${waiting.length} from the next event on` : "set from the next event on"}
              </button>
              <button type="button" disabled={!waiting.length} onClick={() => forget()}>
                take back
              </button>
              <span class="faint">{waiting.length ? `Not set yet: ${waiting.map((one) => one.name).join(", ")}.` : <When />}</span>
            </p>
            <Problem error={named && waiting.some((one) => one.name === named.name) ? undefined : error} />
          </div>
        </form>
        <Undescribed values={now.values} described={all} />
      </Panel>
      <Panel title={now.run ? `Changes in run ${now.run.slice(0, 8)}` : "Changes"} id="epochs">
        <History now={now} busy={busy} onRestore={(epoch) => void change(() => post(`epochs/${epoch}`))} />
      </Panel>
    </>
  );
}
