/** The runs since the controller was started: begin one, look at what came of them, and at two of them side by side. */
import type { JSX } from "preact";
import type { MadeAgain, RunLine } from "../api/answers";
import { useWatched, watchPath } from "../api/watch";
import { place, setQuery } from "../route";
import { Empty, Panel, Problem } from "../ui/parts";
import { Arm } from "./arm";
import { Compared } from "./compare";
import "./runs.css";
import { Line } from "./table";
import { makingOf } from "./words";
import { Wide } from "../ui/wide";

const runs = watchPath<RunLine[]>("runs", 1000);
const making = watchPath<MadeAgain[]>("reprocessing", 1000);
/** Those whose results the reducer still has. */
const keeping = watchPath<{ run: string }[]>("/results/api/v1/runs", 3000);

export function Runs(): JSX.Element {
  const all = useWatched(runs);
  const held = useWatched(keeping);
  const made = useWatched(making);
  const kept = held && !keeping.error.value ? new Set(held.map((one) => one.run)) : undefined;
  const chosen = (place.value.query.get("compare") ?? "").split(",").filter(Boolean);
  const open = place.value.query.get("show");
  function onChoose(run: string): void {
    const now = chosen.includes(run) ? chosen.filter((one) => one !== run) : [...chosen, run].slice(-2);
    setQuery({ compare: now.join(","), plot: undefined });
  }
  const [first, second] = chosen.map((one) => all?.find((run) => run.run === one));
  return (
    <>
      <Arm runs={(all ?? []).filter((run) => !run.again_of)} />
      {first && second ? <Compared key={`${first.run} ${second.run}`} first={first} second={second} kept={kept} /> : null}
      <Panel title="Runs" id="runs" aside="since the controller was started">
        <Problem error={runs.error.value} />
        {(made ?? []).map((one) => (
          <p key={one.run} role="status">
            {makingOf(one)}
          </p>
        ))}
        {all?.length ? (
          <>
            <Wide label="the runs" class="runs">
              <table>
                <thead>
                  <tr>
                    <th>compare</th>
                    <th>run</th>
                    <th>began</th>
                    <th class="number">took</th>
                    <th>events</th>
                    <th>outcome</th>
                    <td />
                  </tr>
                </thead>
                <tbody>
                  {all.map((run) => (
                    <Line
                      key={run.run}
                      run={run}
                      chosen={chosen.includes(run.run)}
                      open={open === run.run}
                      kept={kept?.has(run.run)}
                      onChoose={() => onChoose(run.run)}
                      onOpen={() => setQuery({ show: open === run.run ? undefined : run.run })}
                    />
                  ))}
                </tbody>
              </table>
            </Wide>
            <p class="faint">{chosen.length === 1 ? "Choose another run to compare the two." : chosen.length ? "" : "Choose two runs to compare them; open one to see its parameters."}</p>
          </>
        ) : all ? (
          <Empty>No run has been armed since the controller was started.</Empty>
        ) : (
          <Empty>Asking for the runs…</Empty>
        )}
      </Panel>
    </>
  );
}
