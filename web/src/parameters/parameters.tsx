/** The parameters as a form, made of their descriptions; below, every change of this run with the event that it holds from, and its undoing. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Described, Epochs } from "../api/answers";
import { post } from "../api/client";
import { useWatched, watchPath } from "../api/watch";
import { count } from "../ui/format";
import { Empty, Panel, Problem } from "../ui/parts";
import { history, written, type Step } from "./changes";
import { Field, wrong } from "./field";

const described = watchPath<Described[]>("parameters", 2000);
const epochs = watchPath<Epochs>("epochs", 700);

type Edits = Record<string, string>;

/** What is posted for a text of the form: numbers, truth values and arrays as JSON, texts as they are. */
function valueOf(one: Described, text: string): unknown {
  if (one.dtype === "str" || one.dtype === "file") return text;
  if (one.dtype === "choice") return one.choices?.find((choice) => String(choice) === text) ?? text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function History(props: { steps: readonly Step[]; onUndo: (values: Record<string, unknown>) => void }): JSX.Element {
  const { steps, onUndo } = props;
  if (!steps.length) return <Empty>The sets of parameters of a run are listed here, each with the event from which it holds.</Empty>;
  return (
    <div class="wide">
      <table>
        <thead>
          <tr>
            <th class="number">from event</th>
            <th>what changed</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {steps.map(({ epoch, changes }, place) => (
            <tr key={epoch.epoch}>
              <td class="number">{count(epoch.first_event)}</td>
              <td class="many">
                {changes.length
                  ? changes.map((one) => (
                      <div key={one.name}>
                        {one.name}: {written(one.before)} → <strong>{written(one.after)}</strong>
                      </div>
                    ))
                  : "as the run began"}
              </td>
              <td>
                {changes.some((one) => one.before !== undefined) ? (
                  <button type="button" onClick={() => onUndo(Object.fromEntries(changes.filter((one) => one.before !== undefined).map((one) => [one.name, one.before])))}>
                    {place === 0 ? "undo" : "set these back"}
                  </button>
                ) : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Parameters(): JSX.Element {
  const all = useWatched(described);
  const now = useWatched(epochs);
  const [edits, setEdits] = useState<Edits>({});
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);

  async function change(what: () => Promise<unknown>): Promise<void> {
    setBusy(true);
    try {
      await what();
      setError(undefined);
      epochs.again();
    } catch (problem) {
      setError(problem instanceof Error ? problem : new Error(String(problem)));
    }
    setBusy(false);
  }
  function set(): void {
    const values = Object.fromEntries(Object.entries(edits).map(([name, text]) => [name, valueOf(all!.find((one) => one.name === name)!, text)]));
    void change(async () => {
      await post("parameters", values);
      setEdits({});
    });
  }
  if (!all || !now) {
    return (
      <Panel title="Parameters">
        <Problem error={described.error.value ?? epochs.error.value} />
        <Empty>Asking for the parameters…</Empty>
      </Panel>
    );
  }
  const edited = Object.keys(edits);
  const bad = all.some((one) => edits[one.name] !== undefined && wrong(one, edits[one.name]!) !== undefined);
  return (
    <>
      <Panel title="Parameters" id="parameters" aside={`epoch ${now.epoch}`}>
        <Problem error={described.error.value ?? epochs.error.value} />
        {all.length ? null : <Empty>The classes of the analysis describe no parameters.</Empty>}
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (edited.length && !bad) set();
          }}
        >
          <div class="fields">
            {all.map((one) => (
              <Field
                key={one.name}
                described={one}
                value={now.values[one.name] ?? one.default}
                edited={edits[one.name]}
                onEdit={(text) => {
                  const { [one.name]: _, ...others } = edits;
                  setEdits(text === undefined || text === written(now.values[one.name] ?? one.default) ? others : { ...others, [one.name]: text });
                }}
                onFile={(file) => void change(async () => post(`parameter/${one.name}`, new Uint8Array(await file.arrayBuffer())))}
              />
            ))}
          </div>
          <p class="filters">
            <button type="submit" class="first" disabled={busy || bad || !edited.length}>
              {edited.length > 1 ? `set ${edited.length} from the next event on` : "set from the next event on"}
            </button>
            <button type="button" disabled={!edited.length} onClick={() => setEdits({})}>
              as they hold
            </button>
          </p>
          <Problem error={error} />
        </form>
      </Panel>
      <Panel title="Changes in this run" id="epochs">
        <History steps={history(now.epochs)} onUndo={(values) => void change(() => post("parameters", values))} />
      </Panel>
    </>
  );
}
