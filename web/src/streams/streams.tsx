/** The streams: how each is at this moment, what it carries, how fast, and what was unusual about it in this run. */
import type { JSX } from "preact";
import type { Finding } from "../api/answers";
import { flow, type StreamFlow } from "../api/flow";
import { diagnosis, streams } from "../api/pipeline";
import { useWatched } from "../api/watch";
import { bytes, count, rate } from "../ui/format";
import { Empty, Panel, Problem } from "../ui/parts";
import { carries, fill, reason, speaks, unusual } from "./stream";
import { Level, State } from "./cells";
import { Wide } from "../ui/wide";

function Row(props: { name: string; one: StreamFlow; odd: string[]; finding: Finding | undefined }): JSX.Element {
  const { name, one } = props;
  const said = speaks(one);
  const kept = fill(one);
  return (
    <tr data-stream={name}>
      <th scope="row">
        {name}
        <small>{one.device}</small>
      </th>
      <td data-label="state">
        <State tone={said.tone} text={said.text} why={reason(said.why, props.finding)} />
      </td>
      <td class="number" data-label="last packet">
        {count(one.last_number)}
      </td>
      <td class="number" data-label="per second">
        {rate(one.packets_per_second)}
        <small>{one.bytes_per_second === null || one.bytes_per_second === undefined ? "" : `${bytes(one.bytes_per_second)}/s`}</small>
      </td>
      <td data-label="carries">
        {carries(one.layout)}
        <small>{one.packet_bytes ? `${bytes(one.packet_bytes)} a packet` : ""}</small>
      </td>
      <td data-label="kept until reduced">
        <Level share={kept.share} text={kept.text} tone={kept.tone} />
      </td>
      <td class="many" data-label="unusual">
        {props.odd.join(", ") || "nothing"}
      </td>
    </tr>
  );
}

export function Streams(): JSX.Element {
  const now = useWatched(flow);
  const all = useWatched(streams);
  const findings = useWatched(diagnosis)?.findings ?? [];
  const lines = Object.entries(now?.streams ?? {}).sort(([one], [other]) => one.localeCompare(other, "en", { numeric: true }));
  return (
    <Panel title="Streams" id="streams">
      <Problem error={flow.error.value ?? streams.error.value} />
      {lines.length ? (
        <Wide label="the streams">
          <table class="stack">
            <thead>
              <tr>
                <th>stream</th>
                <th>state</th>
                <th class="number">last packet</th>
                <th class="number">per second</th>
                <th>carries</th>
                <th>kept until reduced</th>
                <th>unusual in this run</th>
              </tr>
            </thead>
            <tbody>
              {lines.map(([name, one]) => (
                <Row
                  key={name}
                  name={name}
                  one={one}
                  odd={all?.[name] ? unusual(all[name]) : []}
                  finding={findings.find((found) => found.about === name)}
                />
              ))}
            </tbody>
          </table>
        </Wide>
      ) : now === undefined ? null : (
        <Empty>No ingester takes part, so that there are no streams. Start the pipeline with: beamloom up pipeline.yaml</Empty>
      )}
    </Panel>
  );
}
