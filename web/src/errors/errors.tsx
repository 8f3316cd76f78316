/** What failed in a run, in groups of the same failure, and what was lost. The address holds the run, and which groups are open. */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { FailureKind, Loss } from "../api/answers";
import { get } from "../api/client";
import { progress } from "../api/pipeline";
import { useWatched, watch } from "../api/watch";
import { hashOf, place, setQuery } from "../route";
import { count } from "../ui/format";
import { Empty, Panel, Problem } from "../ui/parts";
import "./errors.css";
import { FailureGroup } from "./group";

interface Answer {
  readonly run: string;
  readonly kinds: readonly FailureKind[];
}

function chosenRun(): string {
  return place.peek().query.get("run") ?? "";
}

const failures = watch<Answer>(async () => {
  const run = chosenRun();
  return { run, kinds: await get<FailureKind[]>(`errors?listed=false${run ? `&run=${encodeURIComponent(run)}` : ""}`) };
}, 1000);

function LossLine(props: { loss: Loss }): JSX.Element {
  return (
    <p>
      <strong>{props.loss.cause}</strong>{" "}
      <span class="faint">
        events {props.loss.events} ({count(props.loss.count)})
      </span>
    </p>
  );
}

const NO_RUN = "No run has been armed yet.";

export function Errors(): JSX.Element {
  const answer = useWatched(failures);
  const now = useWatched(progress);
  const losses = now?.losses;
  const { query } = place.value;
  const run = query.get("run") ?? "";
  const open = (query.get("open") ?? "").split(",").filter(Boolean);
  useEffect(() => failures.again(), [run]);
  const all = answer?.run === run ? answer.kinds : undefined;
  const none = !run && now?.run === null;
  function onOpen(signature: string, now: boolean): void {
    if (open.includes(signature) === now) return;
    setQuery({ open: (now ? [...open, signature] : open.filter((one) => one !== signature)).join(",") });
  }
  const which = run ? (
    <>
      of run {run.slice(0, 8)} · <a href={hashOf("errors")}>of the present run</a>
    </>
  ) : null;
  return (
    <>
      <Panel title="Failures" id="failures" aside={which}>
        <Problem error={failures.error.value} />
        {all?.length ? (
          all.map((one) => <FailureGroup key={one.signature} failure={one} run={run || (now?.run ?? "")} open={open.includes(one.signature)} onOpen={(now) => onOpen(one.signature, now)} />)
        ) : all ? (
          <Empty>{none ? NO_RUN : "Nothing has failed in this run."}</Empty>
        ) : failures.error.value ? null : (
          <Empty>Asking what failed…</Empty>
        )}
      </Panel>
      {run ? null : (
        <Panel title="Losses" id="losses">
          {losses?.length ? losses.map((one) => <LossLine key={one.cause} loss={one} />) : <Empty>{none ? NO_RUN : losses ? "No event of this run was lost." : "Asking what was lost…"}</Empty>}
        </Panel>
      )}
    </>
  );
}
