/** The list of runs: what came of each, where its results are, and more of one of them beneath its line. */
import type { JSX } from "preact";
import type { RunLine } from "../api/answers";
import { hashOf } from "../route";
import { clock, count, duration, universal } from "../ui/format";
import { Bar } from "../ui/parts";
import { Detail } from "./detail";
import { changesOf, nameOf, outcomeOf } from "./words";

const KINDS = ["reduced", "failed", "lost"] as const;
const COLUMNS = 7;

export interface LineProps {
  readonly run: RunLine;
  readonly chosen: boolean;
  readonly open: boolean;
  /** Whether the reducer still has its results; undefined where that is not known. */
  readonly kept: boolean | undefined;
  readonly onChoose: () => void;
  readonly onOpen: () => void;
}

function Results(props: { run: RunLine; kept: boolean | undefined }): JSX.Element {
  const { run, kept } = props;
  const goesOn = run.finished_at === null;
  if (kept === false && !goesOn) {
    return (
      <span class="faint" title="The reducer holds the results of the last runs only; with the setting autosave it keeps them all in files.">
        not kept
      </span>
    );
  }
  return <a href={hashOf("results", { run: goesOn ? undefined : run.run })}>results</a>;
}

export function Line(props: LineProps): JSX.Element {
  const { run, open } = props;
  const name = nameOf(run);
  const goesOn = run.finished_at === null;
  const total = run.total_events;
  return (
    <>
      <tr data-run={run.run} class={open ? "open" : ""}>
        <td>
          <input type="checkbox" aria-label={`compare run ${name}`} checked={props.chosen} onChange={props.onChoose} />
        </td>
        <th scope="row">
          <button type="button" class="disclose" aria-expanded={open} title={run.run} onClick={props.onOpen}>
            {open ? "▾" : "▸"} {name}
          </button>
        </th>
        <td title={universal(run.started_at)}>{clock(run.started_at)}</td>
        <td class="number">{duration(run.seconds)}</td>
        <td class="events">
          <Bar
            shares={KINDS.map((kind) => ({ name: kind, size: run[kind] }))}
            total={Math.max(total ?? 0, run.reduced + run.failed + run.lost, 1)}
            label={`${count(run.reduced)} reduced, ${count(run.failed)} failed, ${count(run.lost)} lost of ${total === null ? "an open number" : count(total)}`}
          />
          {count(run.reduced)} {total === null ? "so far" : `of ${count(total)}`}
          {run.failed ? (
            <>
              , {run.again_of ? `${count(run.failed)} failed` : <a href={hashOf("errors", { run: goesOn ? undefined : run.run })}>{count(run.failed)} failed</a>}
            </>
          ) : null}
          {run.lost ? `, ${count(run.lost)} lost` : ""}
        </td>
        <td class="many">
          {outcomeOf(run)}
          {run.again_of ? (
            <div class="faint">
              run {run.again_of.slice(0, 8)} again{changesOf(run.changed) ? `, ${changesOf(run.changed)}` : ""}
            </div>
          ) : null}
        </td>
        <td class="links">
          <Results run={run} kept={props.kept} />{" "}
          {run.again_of ? (
            <a href={hashOf("runs", { compare: `${run.again_of},${run.run}` })}>compare</a>
          ) : (
            <a href={hashOf("runs", { like: run.run })}>arm again</a>
          )}
        </td>
      </tr>
      {open ? (
        <tr class="more">
          <td colSpan={COLUMNS}>
            <Detail run={run} />
          </td>
        </tr>
      ) : null}
    </>
  );
}
