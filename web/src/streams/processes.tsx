/** The processes that take part: what each is, how much it has done, and whether something is wrong with it. */
import type { JSX } from "preact";
import type { Config, Process } from "../api/answers";
import { config } from "../api/pipeline";
import { useWatched } from "../api/watch";
import { count, rate } from "../ui/format";
import { Empty, Panel, Problem } from "../ui/parts";

interface Line {
  readonly process: Process;
  readonly role: string;
  readonly what: string;
}

function linesOf(now: Config): Line[] {
  return [
    ...now.ingesters.map((one) => ({ process: one, role: "ingester", what: one.streams.join(", ") })),
    ...now.workers.map((one) => ({ process: one, role: one.role, what: one.tags.join(", ") })),
    ...(now.reducer ? [{ process: now.reducer, role: "reducer", what: now.reducer.http ?? "" }] : []),
  ];
}

export function Processes(): JSX.Element {
  const now = useWatched(config);
  const lines = now ? linesOf(now) : [];
  return (
    <Panel title="Processes" id="processes">
      <Problem error={config.error.value} />
      {lines.length ? (
        <div class="wide">
          <table>
            <thead>
              <tr>
                <th>name</th>
                <th>role</th>
                <th>what</th>
                <th class="number">events</th>
                <th class="number">per second</th>
              </tr>
            </thead>
            <tbody>
              {lines.map(({ process, role, what }) => (
                <tr key={process.service_uuid} data-process={process.service_uuid}>
                  <th scope="row">{process.name}</th>
                  <td>{role}</td>
                  <td class={process.fault ? "trouble" : ""}>{process.fault ?? what}</td>
                  <td class="number">{count(process.processed_events)}</td>
                  <td class="number">{rate(process.event_rate)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <Empty>No process takes part; start the pipeline with: beamloom up pipeline.yaml</Empty>
      )}
    </Panel>
  );
}
