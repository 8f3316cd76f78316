/** What the analysis has said last: warnings, why it had the run stopped, where it wants to go next. Nothing where it says nothing. */
import type { JSX } from "preact";
import type { FeedbackPart } from "../api/answers";
import { useWatched, watchPath } from "../api/watch";
import { clock } from "../ui/format";
import { Panel } from "../ui/parts";
import { Wide } from "../ui/wide";
import { wordsOf } from "./words";

const SHOWN = 20;
const said = watchPath<FeedbackPart>(`feedback?run=last&last=${SHOWN}`, 1000);

export function FeedbackPanel(): JSX.Element | null {
  const pieces = useWatched(said)?.feedback ?? [];
  if (!pieces.length) return null;
  return (
    <Panel title="What the analysis says" id="feedback">
      <Wide label="what the analysis says">
        <table>
          <tbody>
            {pieces.toReversed().map((one) => (
              <tr key={`${one.run} ${one.number}`} data-kind={one.kind}>
                <td class="number">{one.number}</td>
                <th scope="row">{one.kind}</th>
                <td class="many">{wordsOf(one.payload)}</td>
                <td>
                  <small>
                    {clock(one.at)}, {one.by}
                    {one.event === null ? "" : `, event ${one.event}`}
                  </small>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
    </Panel>
  );
}
