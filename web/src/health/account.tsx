/** What became of the events of the run: how many of each kind, which, and why. */
import type { JSX } from "preact";
import { progress } from "../api/pipeline";
import { useWatched } from "../api/watch";
import { count } from "../ui/format";
import { Empty, Panel } from "../ui/parts";
import { Wide } from "../ui/wide";

function Line(props: { name: string; number: number | null; children?: JSX.Element | string }): JSX.Element {
  return (
    <tr>
      <th scope="row">{props.name}</th>
      <td class="number">{count(props.number)}</td>
      <td class="many">{props.children}</td>
    </tr>
  );
}

export function Account(): JSX.Element {
  const now = useWatched(progress);
  return (
    <Panel title="What became of the events" id="events">
      {now?.run ? (
        <Wide label="what became of the events">
          <table>
            <tbody>
              <Line name="reduced" number={now.reduced}>
                They are in the result.
              </Line>
              {now.errors.map((one) => (
                <Line key={`${one.where} ${one.error} ${one.message}`} name="failed" number={one.count}>
                  <>
                    <a href="#errors">
                      {one.where}: {one.error}
                    </a>{" "}
                    {one.message} <span class="faint">(events {one.events})</span>
                  </>
                </Line>
              ))}
              {now.failed && !now.errors.length ? <Line name="failed" number={now.failed} /> : null}
              {now.losses.map((one) => (
                <Line key={one.cause} name="lost" number={one.count}>
                  <>
                    {one.cause} <span class="faint">(events {one.events})</span>
                  </>
                </Line>
              ))}
              <Line name="assigned" number={now.assigned}>
                A worker has them, or their packets are awaited.
              </Line>
              <Line name="pending" number={now.pending}>
                {now.pending === null ? "The run has an open end." : "Nobody has begun with them yet."}
              </Line>
              {now.redelivered ? (
                <Line name="given again" number={now.redelivered}>
                  Another worker got them, as the first one was gone. Each result counts once.
                </Line>
              ) : null}
              {now.handed_back ? (
                <Line name="handed back" number={now.handed_back}>
                  Workers that left in order had not begun them; others got them.
                </Line>
              ) : null}
            </tbody>
          </table>
        </Wide>
      ) : (
        <Empty>Events are counted here when a run is armed.</Empty>
      )}
    </Panel>
  );
}
