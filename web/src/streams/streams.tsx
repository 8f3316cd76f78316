/** The streams of this run: how far each is, and what was unusual about it. */
import type { JSX } from "preact";
import type { Stream } from "../api/answers";
import { streams } from "../api/pipeline";
import { useWatched } from "../api/watch";
import { count } from "../ui/format";
import { Empty, Panel, Problem } from "../ui/parts";

const UNUSUAL: Partial<Record<keyof Stream, string>> = {
  gaps: "missing",
  malformed: "unreadable",
  dropped: "given up",
  duplicates: "came twice",
  late: "late",
  reordered: "put in order",
  restarts: "times begun anew",
  reconnects: "times reconnected",
  discarded_before_start: "before the start",
};

export function unusual(stream: Stream): string[] {
  const words = Object.entries(UNUSUAL)
    .filter(([key]) => Boolean(stream[key as keyof Stream]))
    .map(([key, word]) => `${count(stream[key as keyof Stream] as number)} ${word}`);
  return stream.stalled ? ["stalled", ...words] : words;
}

export function Streams(): JSX.Element {
  const all = useWatched(streams);
  return (
    <Panel title="Streams" id="streams">
      <Problem error={streams.error.value} />
      {all && Object.keys(all).length ? (
        <div class="wide">
          <table>
            <thead>
              <tr>
                <th>stream</th>
                <th class="number">packets</th>
                <th class="number">complete until</th>
                <th>what was unusual</th>
              </tr>
            </thead>
            <tbody>
              {Object.entries(all).map(([name, one]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td class="number">{count(one.packets)}</td>
                  <td class="number">{count(one.complete_until)}</td>
                  <td>{unusual(one).join(", ") || "nothing"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <Empty>Streams are shown here when a run is armed that uses them.</Empty>
      )}
    </Panel>
  );
}
