/** Every change of this run with the events that it held for; any of them can be gone back to. */
import type { JSX } from "preact";
import type { Epochs } from "../api/answers";
import { hashOf } from "../route";
import { count } from "../ui/format";
import { Empty } from "../ui/parts";
import { history, pending, said, type Change } from "./changes";
import { Wide } from "../ui/wide";

function Changes(props: { changes: readonly Change[]; otherwise: string }): JSX.Element {
  if (!props.changes.length) return <>{props.otherwise}</>;
  return (
    <>
      {props.changes.map((one) => (
        <div key={one.name}>
          {one.name}: {said(one.before)} → <strong>{said(one.after)}</strong>
        </div>
      ))}
    </>
  );
}

export function History(props: { now: Epochs; busy: boolean; onRestore: (epoch: number) => void }): JSX.Element {
  const { now, busy, onRestore } = props;
  if (!now.run) return <Empty>No run has been armed yet. The parameters of a run are listed here, each change with the event from which it holds.</Empty>;
  const steps = history(now.epochs, now.count);
  const earlier = now.count - steps.length;
  const since = pending(now);
  const back = (epoch: number, name: string, hint: string): JSX.Element => (
    <button type="button" disabled={busy} title={hint} onClick={() => onRestore(epoch)}>
      {name}
    </button>
  );
  const newest = steps[0]?.epoch;
  return (
    <Wide label="the epochs">
      <table>
        <thead>
          <tr>
            <th>events</th>
            <th>what changed</th>
            <td />
          </tr>
        </thead>
        <tbody>
          {since.length && newest ? (
            <tr>
              <td>from the next run on</td>
              <td class="many">
                <Changes changes={since} otherwise="" />
              </td>
              <td>{back(newest.epoch, "undo", "as it was in the run")}</td>
            </tr>
          ) : null}
          {steps.map(({ epoch, last, changes }, place) => (
            <tr key={epoch.epoch} data-epoch={epoch.epoch}>
              <td title={`epoch ${epoch.epoch}`}>
                <a href={hashOf("weave", { run: now.run!, event: String(epoch.first_event) })}>{count(epoch.first_event)}</a> {last === undefined ? "on" : `to ${count(last)}`}
              </td>
              <td class="many">
                <Changes changes={changes} otherwise={place === steps.length - 1 && !earlier ? "as the run began" : "the same values again"} />
              </td>
              <td>
                {place === 0 && !since.length && steps[1] ? back(steps[1].epoch.epoch, "undo", "all parameters as they were before this change") : null}
                {place > 0 ? back(epoch.epoch, "back to this", "all parameters as they were then, from the next event on") : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {earlier ? <p class="faint">{count(earlier)} earlier ones are not shown.</p> : null}
    </Wide>
  );
}
