/** What two runs published, side by side: numbers with their difference, curves in one plot, all else beside each other. */
import type { JSX } from "preact";
import type { RunLine } from "../api/answers";
import { useAsked } from "../api/asked";
import { get } from "../api/client";
import { middles } from "../plots/columns";
import { Curves } from "../plots/curves";
import { figure } from "../plots/figure";
import { useArrays, type Wish } from "../results/arrays";
import { domainOf, type Group } from "../results/outline";
import type { Plan } from "../results/plan";
import { Plot } from "../results/plots";
import { place, setQuery } from "../route";
import { Empty, Problem } from "../ui/parts";
import { cell, common, difference, drawn, filled, pairs, same, type Drawn } from "./numbers";
import { nameOf } from "./words";
import { Wide } from "../ui/wide";

type CurvesPlan = Extract<Plan, { kind: "curves" }>;

const MOST_POINTS = 20_000;

interface Runs {
  readonly first: RunLine;
  readonly second: RunLine;
}

function domain(run: RunLine): string {
  return domainOf(run.finished_at === null ? undefined : run.run);
}

function useOutlines(runs: Runs): { trees: readonly [Group, Group] | undefined; error: Error | undefined } {
  const both = [runs.first, runs.second];
  const wanted = both.map((run) => `${run.run} ${run.finished_at}`).join(" ");
  const { answer, error, key } = useAsked(wanted, async () => {
    const [one, other] = await Promise.all(both.map((run) => get<Group>(`/results/api/v1/tree?domain=${encodeURIComponent(domain(run))}`)));
    return { of: wanted, trees: [one!, other!] as const };
  });
  return { trees: answer?.of === wanted ? answer.trees : undefined, error: key === wanted ? error : undefined };
}

function wishesOf(plan: CurvesPlan): Record<string, Wish> {
  const ys = plan.series.map((one, index) => [`y${index}`, { path: one.path, most: [MOST_POINTS] }] as const);
  return { ...(plan.x.path === undefined ? {} : { x: { path: plan.x.path, most: [MOST_POINTS] } }), ...Object.fromEntries(ys) };
}

function Beside(props: Runs & { drawn: Drawn }): JSX.Element {
  const sides = [
    [props.first, props.drawn.first],
    [props.second, props.drawn.second],
  ] as const;
  return (
    <div class="sides">
      {sides.map(([run, plan]) => (
        <section key={run.run}>
          <h3>run {nameOf(run)}</h3>
          <Plot plan={plan} whose={{ domain: domain(run), run: run.finished_at === null ? undefined : run.run, events: undefined }} />
        </section>
      ))}
    </div>
  );
}

/** Curves of both runs over the axis that they share; beside each other where they share none. */
function Together(props: Runs & { drawn: Drawn }): JSX.Element {
  const [first, second] = [props.drawn.first as CurvesPlan, props.drawn.second as CurvesPlan];
  const one = useArrays(wishesOf(first), domain(props.first));
  const other = useArrays(wishesOf(second), domain(props.second));
  if (!one.arrays || !other.arrays) return one.error || other.error ? <Problem error={one.error ?? other.error} /> : <Empty>Asking for it…</Empty>;
  const [x, otherX] = [one.arrays["x"]?.data, other.arrays["x"]?.data];
  const shared = common(x, otherX);
  const [elements, others] = [one.arrays, other.arrays].map((arrays) => arrays["y0"]?.whole.at(-1) ?? 0) as [number, number];
  // Of long ones each point is a mean of as many elements as that takes.
  const unlike = elements !== others && Math.max(elements, others) > MOST_POINTS;
  if (((x || otherX) && !shared) || unlike || first.leading.length || second.leading.length) return <Beside {...props} />;
  const sides = [
    [props.first, first, one.arrays],
    [props.second, second, other.arrays],
  ] as const;
  const length = Math.max(...sides.flatMap(([, plan, arrays]) => plan.series.map((_, index) => arrays[`y${index}`]!.data.length)));
  const curves = sides.flatMap(([run, plan, arrays]) =>
    plan.series.map((series, index) => ({ label: `${series.label}, run ${nameOf(run)}`, values: filled(arrays[`y${index}`]!.data, length) })),
  );
  const { time } = first.x;
  const places = shared ? (time === undefined ? shared : Float64Array.from(shared, (one) => one * time)) : middles(elements, MOST_POINTS);
  return <Curves x={places} edges={first.x.edges} time={time !== undefined} xLabel={first.x.label} yLabel={first.y} log={false} curves={curves} />;
}

export function ComparedResults(props: Runs & { kept: ReadonlySet<string> | undefined }): JSX.Element {
  const { first, second, kept } = props;
  const gone = [first, second].filter((run) => run.finished_at !== null && kept && !kept.has(run.run));
  const { trees, error } = useOutlines(props);
  if (gone.length) return <Empty>The results of run {gone.map(nameOf).join(" and of run ")} are not kept any more, so that there is nothing to compare them with.</Empty>;
  if (!trees) return error ? <Problem error={error} /> : <Empty>Asking for the results…</Empty>;
  const numbers = pairs(...trees);
  const plots = drawn(...trees);
  const chosen = place.value.query.get("plot");
  const shown = plots.find((one) => one.path === chosen) ?? plots[0];
  return (
    <>
      {numbers.length ? (
        <Wide label="the results of both">
          <table class="side" id="numbers">
            <thead>
              <tr>
                <th>results</th>
                <th scope="col">run {nameOf(first)}</th>
                <th scope="col">run {nameOf(second)}</th>
                <th scope="col">difference</th>
              </tr>
            </thead>
            <tbody>
              {numbers.map((one) => (
                <tr key={one.path} class={same(one.first, one.second) ? "" : "differs"}>
                  <th scope="row">{one.path}</th>
                  <td>{cell(one.first)}</td>
                  <td>{cell(one.second)}</td>
                  <td>{typeof one.first === "number" && typeof one.second === "number" ? difference(one.first, one.second, figure) : ""}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      ) : null}
      {shown ? (
        <>
          <label class="plotted">
            drawn{" "}
            <select value={shown.path} onChange={(event) => setQuery({ plot: event.currentTarget.value })}>
              {plots.map((one) => (
                <option key={one.path} value={one.path}>
                  {one.path}
                </option>
              ))}
            </select>
          </label>
          {shown.first.kind === "curves" ? <Together key={shown.path} first={first} second={second} drawn={shown} /> : <Beside key={shown.path} first={first} second={second} drawn={shown} />}
        </>
      ) : (
        <Empty>They have published nothing that could be drawn of both.</Empty>
      )}
    </>
  );
}
