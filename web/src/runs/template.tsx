/** A run before as a template: its trigger map, and its parameters where they are wanted, too. */
import type { JSX } from "preact";
import type { Epochs, RunDetail } from "../api/answers";
import { useAsked } from "../api/asked";
import { get, post } from "../api/client";
import { changes, said, type Change } from "../parameters/changes";
import { storedOf } from "../parameters/stored";
import { Problem } from "../ui/parts";

export interface Differences {
  /** What is set before it begins. */
  readonly settable: readonly Change[];
  /** Contents of files, which are only known by their digests. */
  readonly lost: readonly Change[];
  /** Whether the parameters of that run are known at all. */
  readonly known: boolean;
}

/** How the parameters that hold now differ from those that a run ended with. */
export function differences(now: Record<string, unknown>, then: Record<string, unknown> | undefined): Differences {
  if (!then) return { settable: [], lost: [], known: false };
  const all = changes(now, then).filter((one) => one.after !== undefined);
  const isLost = (one: Change): boolean => storedOf(one.after) !== undefined;
  return { settable: all.filter((one) => !isLost(one)), lost: all.filter(isLost), known: true };
}

/** In a component: how they differ; undefined while it is asked. */
export function useDifferences(run: string): { found: Differences | undefined; error: Error | undefined } {
  const { answer, error, key } = useAsked(run, async () => {
    const [now, then] = await Promise.all([get<Epochs>("epochs"), get<RunDetail>(`runs/${run}`)]);
    return { of: run, ...differences(now.values, then.epochs?.at(-1)?.values) };
  });
  return { found: answer?.of === run ? answer : undefined, error: key === run ? error : undefined };
}

/** Set the parameters as they were. */
export async function setAsThen(found: Differences): Promise<void> {
  if (found.settable.length) await post("parameters", Object.fromEntries(found.settable.map((one) => [one.name, one.after])));
}

export function TemplateParameters(props: { run: string; wanted: boolean; onWanted: (wanted: boolean) => void }): JSX.Element | null {
  const { found, error } = useDifferences(props.run);
  if (error) return <Problem error={error} />;
  if (!found) return null;
  if (!found.known) return <p class="faint">The parameters of that run are not known here any more; those that hold now are used.</p>;
  if (!found.settable.length && !found.lost.length) return <p class="faint">Its parameters are those that hold now.</p>;
  return (
    <div>
      <label>
        <input type="checkbox" checked={props.wanted} disabled={!found.settable.length} onChange={(event) => props.onWanted(event.currentTarget.checked)} /> with its parameters, too
      </label>
      <ul class="plain">
        {found.settable.map((one) => (
          <li key={one.name}>
            {one.name}: {said(one.before)} → <strong>{said(one.after)}</strong>
          </li>
        ))}
        {found.lost.map((one) => (
          <li key={one.name} class="faint">
            {one.name} was {said(one.after)}, of which nothing but that is kept; choose the file again under Parameters.
          </li>
        ))}
      </ul>
    </div>
  );
}
