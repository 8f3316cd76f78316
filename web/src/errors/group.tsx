/** One kind of failure: what it is, whom it hit, where in the code, and the calls that were kept to be made again. */
import type { JSX } from "preact";
import type { FailureKind } from "../api/answers";
import { below } from "../api/place";
import { hashOf } from "../route";
import { Copied } from "../ui/copy";
import "../ui/facts.css";
import { count } from "../ui/format";
import { Traceback } from "./traceback";

const MOST_RANGES = 12;

/** "7, 14, 21 to 25 and 3 more ranges". */
export function rangesAsText(ranges: readonly (readonly [number, number])[]): string {
  const shown = ranges.slice(0, MOST_RANGES).map(([first, last]) => (first === last ? count(first) : `${count(first)} to ${count(last)}`));
  const more = ranges.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${count(more)} more ranges` : "");
}

const MOST_WORKERS = 12;

/** "worker-1, worker-2 and 198 more". */
export function workersAsText(workers: readonly string[]): string {
  const more = workers.length - MOST_WORKERS;
  return workers.slice(0, MOST_WORKERS).join(", ") + (more > 0 ? ` and ${count(more)} more` : "") || "–";
}

function fileOf(capsule: string): string {
  return capsule.split("/").pop() ?? capsule;
}

function Capsules(props: { failure: FailureKind }): JSX.Element {
  const { capsules } = props.failure;
  const [first] = capsules;
  if (!first) return <p class="faint">No capsule was kept of these calls.</p>;
  return (
    <>
      <p>
        {capsules.length === 1 ? "A call was kept" : `${capsules.length} calls were kept`} with all that it takes to make {capsules.length === 1 ? "it" : "them"} again:{" "}
        {capsules.map((one, place) => (
          <span key={one.href}>
            {place ? ", " : ""}
            <a href={below(one.href)} download={fileOf(one.capsule)}>
              {fileOf(one.capsule)}
            </a>
          </span>
        ))}
        .
      </p>
      <p>
        Download it, and in the folder where it is: <Copied text={`beamloom debug ${fileOf(first.capsule)}`} name="the command" />
      </p>
    </>
  );
}

/** An event, which leads to its story. */
function Story(props: { run: string; event: number | null }): JSX.Element {
  return props.event === null ? <>–</> : <a href={hashOf("weave", { run: props.run, event: String(props.event) })}>{count(props.event)}</a>;
}

export function FailureGroup(props: { failure: FailureKind; run: string; open: boolean; onOpen: (open: boolean) => void }): JSX.Element {
  const { failure } = props;
  const events = failure.ranges.length ? rangesAsText(failure.ranges) : "in no event";
  return (
    <details class="failure" open={props.open} data-signature={failure.signature} onToggle={(event) => props.onOpen(event.currentTarget.open)}>
      <summary>
        <strong>
          {failure.error}: {failure.message}
        </strong>
        <span class="faint">
          {failure.place || failure.where}, {count(failure.count)} {failure.count === 1 ? "time" : "times"}
        </span>
      </summary>
      <dl class="facts">
        <dt>call</dt>
        <dd>{failure.where}</dd>
        <dt>times</dt>
        <dd>{count(failure.count)}</dd>
        <dt>events</dt>
        <dd>{events}</dd>
        {failure.first_event === null ? null : (
          <>
            <dt>first and last</dt>
            <dd>
              <Story run={props.run} event={failure.first_event} /> and <Story run={props.run} event={failure.last_event} />
            </dd>
          </>
        )}
        <dt>{failure.workers.length === 1 ? "worker" : "workers"}</dt>
        <dd>{workersAsText(failure.workers)}</dd>
        <dt>to do</dt>
        <dd>{failure.what_to_do}</dd>
      </dl>
      {failure.traceback ? <Traceback text={failure.traceback} /> : <p class="faint">There is no traceback: the process has ended, or was ended, from outside.</p>}
      <Capsules failure={failure} />
    </details>
  );
}
