/** Two runs side by side: what came of them, the parameters in which they differ, and their results. */
import type { JSX } from "preact";
import type { RunDetail, RunLine } from "../api/answers";
import { figure } from "../plots/figure";
import { changes, said } from "../parameters/changes";
import { clock, count, duration, rate } from "../ui/format";
import { Panel, Problem } from "../ui/parts";
import { useDetail } from "./detail";
import { difference } from "./numbers";
import { ComparedResults } from "./results";
import { nameOf, outcomeOf } from "./words";
import { Wide } from "../ui/wide";

interface Fact {
  readonly name: string;
  readonly of: (run: RunLine) => string;
  /** Where it is a number: what the difference is made of. */
  readonly number?: (run: RunLine) => number | null;
  readonly unit?: (value: number) => string;
}

const speed = (run: RunLine): number | null => (run.seconds > 0 ? run.reduced / run.seconds : null);

const FACTS: readonly Fact[] = [
  { name: "began", of: (run) => clock(run.started_at) },
  { name: "took", of: (run) => duration(run.seconds), number: (run) => run.seconds, unit: duration },
  { name: "events", of: (run) => (run.total_events === null ? "open" : count(run.total_events)), number: (run) => run.total_events },
  { name: "reduced", of: (run) => count(run.reduced), number: (run) => run.reduced },
  { name: "failed", of: (run) => count(run.failed), number: (run) => run.failed },
  { name: "lost", of: (run) => count(run.lost), number: (run) => run.lost },
  { name: "reduced per second", of: (run) => rate(speed(run)), number: speed, unit: rate },
  { name: "outcome", of: outcomeOf },
];

function Parameters(props: { first: RunDetail; second: RunDetail }): JSX.Element {
  const [before, after] = [props.first.epochs, props.second.epochs];
  if (!before || !after) {
    return (
      <tr>
        <th scope="row">parameters</th>
        <td class="many">{before ? "" : "not known any more"}</td>
        <td class="many">{after ? "" : "not known any more"}</td>
        <td />
      </tr>
    );
  }
  // What is made again of a recording is not recorded itself.
  const made = props.first.again_of || props.second.again_of;
  const differ = changes(before.at(-1)?.values ?? {}, after.at(-1)?.values ?? {}).filter((one) => !made || one.name !== "dump_prefix");
  const changed = (run: RunDetail, name: string): string => {
    const values = (run.epochs ?? []).map((one) => JSON.stringify(one.values[name]));
    return new Set(values).size > 1 ? " (changed on the way)" : "";
  };
  return (
    <>
      {differ.map((one) => (
        <tr key={one.name} class="differs">
          <th scope="row">{one.name}</th>
          <td class="many">
            {said(one.before)}
            <span class="faint">{changed(props.first, one.name)}</span>
          </td>
          <td class="many">
            {said(one.after)}
            <span class="faint">{changed(props.second, one.name)}</span>
          </td>
          <td>{typeof one.before === "number" && typeof one.after === "number" ? difference(one.before, one.after, figure) : ""}</td>
        </tr>
      ))}
      <tr>
        <th scope="row">parameters</th>
        <td colSpan={3} class="faint">
          {differ.length ? "the others are the same" : "the same"}
        </td>
      </tr>
    </>
  );
}

export function Compared(props: { first: RunLine; second: RunLine; kept: ReadonlySet<string> | undefined }): JSX.Element {
  const both = [props.first, props.second] as const;
  const [one, other] = [useDetail(props.first), useDetail(props.second)];
  return (
    <Panel title="Compared" id="compared">
      <Problem error={one.error ?? other.error} />
      <Wide label="the two runs">
        <table class="side">
          <thead>
            <tr>
              <td />
              {both.map((run) => (
                <th key={run.run} scope="col">
                  run {nameOf(run)}
                </th>
              ))}
              <th scope="col">difference</th>
            </tr>
          </thead>
          <tbody>
            {FACTS.map((fact) => (
              <tr key={fact.name}>
                <th scope="row">{fact.name}</th>
                {both.map((run) => (
                  <td key={run.run} class="many">
                    {fact.of(run)}
                  </td>
                ))}
                <td>{fact.number ? difference(fact.number(props.first), fact.number(props.second), fact.unit) : ""}</td>
              </tr>
            ))}
            <tr>
              <th scope="row">in the result</th>
              <td class="many">{one.detail?.coverage ?? "…"}</td>
              <td class="many">{other.detail?.coverage ?? "…"}</td>
              <td />
            </tr>
            {one.detail && other.detail ? <Parameters first={one.detail} second={other.detail} /> : null}
          </tbody>
        </table>
      </Wide>
      <ComparedResults first={props.first} second={props.second} kept={props.kept} />
    </Panel>
  );
}
