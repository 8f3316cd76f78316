/** More of one run: what is in its result, its trigger map, and the parameters that it had. */
import { Fragment, type JSX } from "preact";
import type { RunDetail, RunLine } from "../api/answers";
import { useAsked } from "../api/asked";
import { get } from "../api/client";
import { history, said } from "../parameters/changes";
import "../ui/facts.css";
import { count } from "../ui/format";
import { Empty, Problem } from "../ui/parts";
import { madeBy } from "./words";

/** In a component: what is known of a run, asked for again when the line of the list has changed. */
export function useDetail(run: RunLine): { detail: RunDetail | undefined; error: Error | undefined } {
  const { answer, error } = useAsked(`${run.run} ${run.finished_at ?? run.reduced}`, () => get<RunDetail>(`runs/${run.run}`));
  return { detail: answer?.run === run.run ? answer : undefined, error };
}

export function Detail(props: { run: RunLine }): JSX.Element {
  const { detail, error } = useDetail(props.run);
  if (!detail) return error ? <Problem error={error} /> : <Empty>Asking for it…</Empty>;
  const steps = history(detail.epochs ?? []).reverse();
  const first = steps[0]?.epoch.values ?? {};
  return (
    <dl class="facts">
      <dt>run</dt>
      <dd>{detail.run}</dd>
      <dt>in its result</dt>
      <dd>{detail.coverage}</dd>
      <dt>trigger map</dt>
      <dd>
        {detail.map}; {detail.streams.join(", ")}
      </dd>
      {(detail.editions ?? []).map((one) => (
        <Fragment key={one.edition}>
          <dt>{one.first_event ? `code from event ${count(one.first_event)} on` : "code"}</dt>
          <dd>{madeBy(one)}</dd>
        </Fragment>
      ))}
      <dt>parameters</dt>
      <dd>
        {detail.epochs === null ? (
          "not known: an older version of Beamloom has kept this run, without them"
        ) : (
          <div class="values">
            {Object.entries(first).map(([name, value]) => (
              <span key={name}>
                <span class="faint">{name}</span> {said(value)}
              </span>
            ))}
          </div>
        )}
      </dd>
      {steps.slice(1).map(({ epoch, changes }) => (
        <Fragment key={epoch.epoch}>
          <dt>from event {count(epoch.first_event)} on</dt>
          <dd>{changes.map((one) => `${one.name}: ${said(one.before)} → ${said(one.after)}`).join(", ") || "the same values again"}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
