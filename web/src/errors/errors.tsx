/** What failed, in groups of the same failure: where, how often, the traceback, and a capsule in which to make the call again. */
import type { JSX } from "preact";
import type { FailureKind, Loss } from "../api/answers";
import { progress } from "../api/pipeline";
import { useWatched, watchPath } from "../api/watch";
import { count, eventsOf } from "../ui/format";
import { Empty, Panel, Problem } from "../ui/parts";

const failures = watchPath<FailureKind[]>("errors", 1000);

const MOST_RANGES = 6;

export function rangesAsText(ranges: readonly (readonly [number, number])[]): string {
  const shown = ranges.slice(0, MOST_RANGES).map(([first, last]) => eventsOf(first, last));
  const more = ranges.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${count(more)} more ranges` : "");
}

function Group(props: { failure: FailureKind }): JSX.Element {
  const { failure } = props;
  return (
    <details class="failure">
      <summary>
        <strong>
          {failure.error}: {failure.message}
        </strong>
        <span class="faint">
          {failure.where}, {failure.ranges.length ? rangesAsText(failure.ranges) : "in no event"}, {count(failure.count)} times
        </span>
      </summary>
      <p>{failure.what_to_do}</p>
      <pre tabIndex={0}>{failure.traceback}</pre>
      {failure.capsules.length ? (
        <p>
          Capsules:{" "}
          {failure.capsules.map((one) => (
            <a key={one.href} href={one.href} download>
              {one.capsule.split("/").pop()}
            </a>
          ))}
        </p>
      ) : null}
    </details>
  );
}

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

export function Errors(): JSX.Element {
  const all = useWatched(failures);
  const losses = useWatched(progress)?.losses ?? [];
  return (
    <>
      <Panel title="Failures" id="failures">
        <Problem error={failures.error.value} />
        {all?.length ? all.map((one) => <Group key={one.signature} failure={one} />) : <Empty>Nothing has failed in this run.</Empty>}
      </Panel>
      <Panel title="Losses" id="losses">
        {losses.length ? (
          losses.map((one) => <LossLine key={one.cause} loss={one} />)
        ) : (
          <Empty>No event of this run was lost.</Empty>
        )}
      </Panel>
    </>
  );
}
