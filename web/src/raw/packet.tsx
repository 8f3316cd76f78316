/** The packet of one stream: what its device sent, and what the parser made of it. */
import type { JSX } from "preact";
import type { NdArray } from "../plots/npy";
import { bytes, count } from "../ui/format";
import { Empty, Panel } from "../ui/parts";
import { PacketArray } from "./arrays";
import { valueText, type RawPacket } from "./kept";

const KINDS: Record<string, string> = { start: "start of a series", end: "end of a series" };

function Values(props: { values: Readonly<Record<string, unknown>> }): JSX.Element | null {
  const entries = Object.entries(props.values);
  if (!entries.length) return null;
  return (
    <dl class="rawvalues">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{valueText(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Frames(props: { packet: RawPacket }): JSX.Element {
  const { frames } = props.packet;
  return (
    <details>
      <summary>{frames.length === 1 ? "1 frame" : `${count(frames.length)} frames`} as sent</summary>
      <ol class="rawframes" start={0}>
        {frames.map((frame, index) => (
          <li key={index}>
            {bytes(frame.bytes)}
            {frame.begins === undefined ? <span class="faint"> (no text)</span> : <pre tabIndex={0}>{frame.begins + (frame.begins.length < frame.bytes ? "…" : "")}</pre>}
          </li>
        ))}
      </ol>
    </details>
  );
}

interface Props {
  readonly stream: string;
  readonly packet: RawPacket;
  /** What was fetched of its arrays, by name. */
  readonly arrays: Readonly<Record<string, NdArray | Error>>;
}

export function PacketPanel(props: Props): JSX.Element {
  const { stream, packet } = props;
  const size = packet.frames.reduce((sum, frame) => sum + frame.bytes, 0);
  const kind = KINDS[packet.kind];
  const said = [kind, packet.number === null ? undefined : `number ${count(packet.number)}`, bytes(size), packet.typ].filter(Boolean).join(", ");
  const arrays = Object.entries(packet.arrays ?? {});
  return (
    <Panel title={stream} id={`raw-${stream}`} aside={said}>
      {packet.problem ? <p class="problem">It cannot be read: {packet.problem}</p> : null}
      {Object.entries(packet.problems ?? {}).map(([name, problem]) => (
        <p class="problem" key={name}>
          {name}: {problem}
        </p>
      ))}
      {arrays.map(([name, array]) => (
        <PacketArray key={name} stream={stream} name={name} array={array} found={props.arrays[name]} />
      ))}
      {!arrays.length && kind ? <Empty>This packet is the {kind}: it has no array.</Empty> : null}
      <Values values={packet.values ?? {}} />
      <Frames packet={packet} />
    </Panel>
  );
}
