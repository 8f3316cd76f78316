/** The processes that take part: what each does, where its time goes, and, of workers, how to have more or fewer. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Config, Process } from "../api/answers";
import { errorOf, post } from "../api/client";
import { flow, load, staff, type Kept, type ProcessLoad } from "../api/flow";
import { config, diagnosis } from "../api/pipeline";
import { useWatched } from "../api/watch";
import { count, rate } from "../ui/format";
import { Bar, Empty, Panel, Problem } from "../ui/parts";
import { Level, State } from "./cells";
import type { Said } from "./stream";
import { STAGES, absent, does, inWords, memory, most, shares, whereabouts } from "./work";
import { Wide } from "../ui/wide";

interface Line {
  readonly process: Process;
  readonly role: string;
  readonly what: string;
}

const ORDER = new Intl.Collator("en", { numeric: true });

function linesOf(now: Config): Line[] {
  // By name, as they were started anew in whatever order; worker-10 stands behind worker-9.
  const inOrder = <T extends Process>(some: T[]): T[] => some.toSorted((one, other) => ORDER.compare(one.name, other.name));
  const generic = (tags: string[]): string => tags.filter((tag) => tag !== "generic").join(", ");
  return [
    ...inOrder(now.ingesters).map((one) => ({ process: one, role: "ingester", what: one.streams.join(", ") })),
    ...inOrder(now.workers).map((one) => ({ process: one, role: one.role, what: generic(one.tags) })),
    ...(now.reducer ? [{ process: now.reducer, role: "reducer", what: "" }] : []),
  ];
}

function Row(props: { line: Line; load: ProcessLoad | undefined; said: Said; children: JSX.Element | null }): JSX.Element {
  const { process, role, what } = props.line;
  const parts = shares(props.load);
  const taken = memory(props.load);
  return (
    <tr data-process={process.service_uuid} data-name={process.name}>
      <th scope="row">
        {process.name}
        <small>{[role, what].filter(Boolean).join(": ")}</small>
      </th>
      <td data-label="does" title={whereabouts(process)}>
        <State {...props.said} />
      </td>
      <td data-label="time of the last 5 s">
        <Bar shares={parts.map((one) => ({ name: one.name, size: one.share }))} total={1} label={inWords(parts) || "nothing is known yet"} />
        <small>{most(parts)}</small>
      </td>
      <td class="number" data-label="events">
        {count(process.processed_events)}
      </td>
      <td class="number" data-label="per second">
        {rate(process.event_rate)}
      </td>
      <td data-label="memory">
        <Level {...taken} />
      </td>
      <td class="where" data-label="where">{whereabouts(process)}</td>
      <td class="actions">{props.children}</td>
    </tr>
  );
}

function Absent(props: { kept: Kept; children: JSX.Element | null }): JSX.Element {
  const { kept } = props;
  return (
    <tr data-name={kept.name}>
      <th scope="row">
        {kept.name}
        <small>worker</small>
      </th>
      <td data-label="does" colSpan={6}>
        <State {...absent(kept)} />
      </td>
      <td class="actions">{props.children}</td>
    </tr>
  );
}

function Legend(): JSX.Element {
  return (
    <p class="legend">
      {STAGES.map(([name, words]) => (
        <span key={name}>
          <i class={name} aria-hidden="true" /> {words}
        </span>
      ))}
    </p>
  );
}

export function Processes(): JSX.Element {
  const now = useWatched(config);
  const loads = useWatched(load);
  const kept = useWatched(staff);
  const findings = useWatched(diagnosis)?.findings ?? [];
  const at = useWatched(flow)?.at ?? Date.now() / 1000;
  const [problem, setProblem] = useState<Error>();
  const [asked, setAsked] = useState<readonly string[]>([]);

  async function ask(path: string, body?: unknown): Promise<void> {
    try {
      await post(path, body);
      setProblem(undefined);
    } catch (error) {
      setProblem(errorOf(error));
    }
    staff.again();
    config.again();
  }
  async function stop(name: string): Promise<void> {
    setAsked((names) => [...names, name]);
    await ask(`workers/${encodeURIComponent(name)}/stop`);
    setAsked((names) => names.filter((one) => one !== name));
  }
  const workers = new Map((kept?.workers ?? []).map((one) => [one.name, one]));
  function stopButton(name: string): JSX.Element | null {
    const one = workers.get(name);
    if (!kept?.can_start || !one) return null;
    return (
      <button type="button" aria-label={`Stop ${name}`} disabled={one.state === "stopping" || asked.includes(name)} onClick={() => void stop(name)}>
        stop
      </button>
    );
  }
  function saidOf(process: Process): Said {
    const said = does(process, loads?.[process.name], workers.get(process.name), at);
    const finding = findings.find((one) => one.about === process.name);
    if (!finding || said.tone === "trouble") return said;
    return { tone: finding.gravity === "note" ? said.tone : finding.gravity, text: said.text, why: finding.what };
  }
  const lines = now ? linesOf(now) : [];
  const present = new Set(lines.map((one) => one.process.name));
  const away = [...workers.values()].filter((one) => !present.has(one.name));
  const gone = findings.filter((one) => one.check === "process-gone" && !present.has(one.about) && !workers.has(one.about));
  const kinds = kept?.kinds ?? [];
  return (
    <Panel
      title="Processes"
      id="processes"
      aside={kinds.map((kind, place) => (
        <button key={place} type="button" onClick={() => void ask("workers", { count: 1, kind: place })}>
          {kinds.length === 1 ? "add a worker" : `add a worker (${kind.tags.join(", ")})`}
        </button>
      ))}
    >
      <Problem error={problem ?? config.error.value} />
      {lines.length || gone.length ? (
        <>
          <Legend />
          <Wide label="the processes">
            <table class="stack">
              <thead>
                <tr>
                  <th>name</th>
                  <th>does</th>
                  <th>time of the last 5 s</th>
                  <th class="number">events</th>
                  <th class="number">per second</th>
                  <th>memory</th>
                  <th class="where">where</th>
                  <td />
                </tr>
              </thead>
              <tbody>
                {lines.map((line) => (
                  <Row key={line.process.service_uuid} line={line} load={loads?.[line.process.name]} said={saidOf(line.process)}>
                    {stopButton(line.process.name)}
                  </Row>
                ))}
                {gone.map((one) => (
                  <tr key={one.about} data-name={one.about}>
                    <th scope="row">{one.about}</th>
                    <td data-label="does" colSpan={7}>
                      <State tone={one.gravity} text="gone" why={one.what} />
                    </td>
                  </tr>
                ))}
                {away.map((one) => (
                  <Absent key={one.name} kept={one}>
                    {stopButton(one.name)}
                  </Absent>
                ))}
              </tbody>
            </table>
          </Wide>
        </>
      ) : now === undefined ? null : (
        <Empty>No process takes part; start the pipeline with: beamloom up pipeline.yaml</Empty>
      )}
      {kept?.why_not ? <p class="empty">{kept.why_not.charAt(0).toUpperCase() + kept.why_not.slice(1)}.</p> : null}
    </Panel>
  );
}
