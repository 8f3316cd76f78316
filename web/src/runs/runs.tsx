/** The last runs: what came of each, its results, and two of them side by side. */
import type { JSX } from "preact";
import type { Epoch, RunLine } from "../api/answers";
import { get } from "../api/client";
import { useWatched, watchPath } from "../api/watch";
import { changes, written } from "../parameters/changes";
import { hashOf, place, setQuery } from "../route";
import { clock, count, duration } from "../ui/format";
import { Bar, Empty, Panel, Problem } from "../ui/parts";
import { Arm } from "./arm";
import { useEffect, useState } from "preact/hooks";

const runs = watchPath<RunLine[]>("runs", 1000);

interface Kept {
  readonly run: string;
  readonly epochs?: readonly Epoch[];
}

function Line(props: { run: RunLine; chosen: readonly string[]; onChoose: (run: string) => void }): JSX.Element {
  const { run, chosen, onChoose } = props;
  const kinds = ["reduced", "failed", "lost"] as const;
  return (
    <tr>
      <td>
        <input type="checkbox" aria-label={`compare run ${run.run.slice(0, 8)}`} checked={chosen.includes(run.run)} onChange={() => onChoose(run.run)} />
      </td>
      <th scope="row" title={run.run}>
        {run.run.slice(0, 8)}
      </th>
      <td>{clock(run.started_at)}</td>
      <td class="number">{duration(run.seconds)}</td>
      <td>
        <Bar
          shares={kinds.map((name) => ({ name, size: run[name] }))}
          total={Math.max(run.total_events ?? 0, run.reduced + run.failed + run.lost, 1)}
          label={`${count(run.reduced)} reduced, ${count(run.failed)} failed, ${count(run.lost)} lost of ${count(run.total_events)}`}
        />
        {count(run.reduced)} of {count(run.total_events)}
        {run.failed ? `, ${count(run.failed)} failed` : ""}
        {run.lost ? `, ${count(run.lost)} lost` : ""}
      </td>
      <td class="many">{run.stopped ? `${run.outcome}: ${run.stopped}` : run.outcome}</td>
      <td>
        <a href={hashOf("results", { run: run.finished_at === null ? undefined : run.run })}>results</a>
      </td>
    </tr>
  );
}

function Compared(props: { first: RunLine; second: RunLine }): JSX.Element {
  const [kept, setKept] = useState<readonly Kept[]>();
  const [error, setError] = useState<Error>();
  const both = [props.first, props.second] as const;
  const key = both.map((one) => one.run).join(" ");
  useEffect(() => {
    setKept(undefined);
    Promise.all(both.map((one) => get<Kept>(`/results/api/v1/runs/${one.run}`))).then(setKept, setError);
  }, [key]);
  const last = kept?.map((one) => one.epochs?.at(-1)?.values ?? {});
  const differ = last ? changes(last[0]!, last[1]!) : [];
  return (
    <Panel title="Compared" id="compared">
      <Problem error={error} />
      <div class="wide">
        <table>
          <thead>
            <tr>
              <th />
              {both.map((one) => (
                <th key={one.run}>{one.run.slice(0, 8)}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {(["reduced", "failed", "lost", "total_events"] as const).map((name) => (
              <tr key={name}>
                <th scope="row">{name === "total_events" ? "events" : name}</th>
                {both.map((one) => (
                  <td key={one.run}>{count(one[name])}</td>
                ))}
              </tr>
            ))}
            {differ.map((one) => (
              <tr key={one.name}>
                <th scope="row">{one.name}</th>
                <td>{written(one.before)}</td>
                <td>{written(one.after)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {last && !differ.length ? <p class="faint">Their parameters are the same.</p> : null}
    </Panel>
  );
}

export function Runs(): JSX.Element {
  const all = useWatched(runs);
  const chosen = (place.value.query.get("compare") ?? "").split(",").filter(Boolean);
  function onChoose(run: string): void {
    const now = chosen.includes(run) ? chosen.filter((one) => one !== run) : [...chosen, run].slice(-2);
    setQuery({ compare: now.join(",") });
  }
  const [first, second] = chosen.map((one) => all?.find((run) => run.run === one));
  return (
    <>
      <Arm />
      <Panel title="Runs" id="runs" aside="since the controller was started">
        <Problem error={runs.error.value} />
        {all?.length ? (
          <div class="wide">
            <table>
              <thead>
                <tr>
                  <th>compare</th>
                  <th>run</th>
                  <th>began</th>
                  <th class="number">took</th>
                  <th>events</th>
                  <th>outcome</th>
                  <th />
                </tr>
              </thead>
              <tbody>
                {all.map((run) => (
                  <Line key={run.run} run={run} chosen={chosen} onChoose={onChoose} />
                ))}
              </tbody>
            </table>
          </div>
        ) : (
          <Empty>No run has been armed since the controller was started.</Empty>
        )}
      </Panel>
      {first && second ? <Compared first={first} second={second} /> : null}
    </>
  );
}
