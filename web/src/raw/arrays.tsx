/** The arrays of a packet, fetched in the size in which they are shown; the one before stays, dimmed, until the next is there. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { getRaw } from "../api/client";
import { Curves } from "../plots/curves";
import { Image } from "../plots/image";
import { autoLevels } from "../plots/levels";
import { readNpy, type NdArray } from "../plots/npy";
import { LookForm, Scale, type Look } from "../plots/scale";
import { rate } from "../ui/format";
import { Empty, Problem } from "../ui/parts";
import { addressOf, kindText, shapeOf, type ArrayLine, type Shape } from "./kept";

const MOST_POINTS = 20_000;
const MOST_PIXELS = 1600;

interface Fetched {
  readonly array: NdArray | undefined;
  /** Where it came from. */
  readonly from?: string;
  readonly error: Error | undefined;
}

function useArray(address: string): Fetched & { busy: boolean } {
  const [state, setState] = useState<Fetched>({ array: undefined, error: undefined });
  useEffect(() => {
    const over = new AbortController();
    getRaw(address, {}, over.signal)
      .then((answer) => answer.arrayBuffer())
      .then(
        (file) => setState({ array: readNpy(file), from: address, error: undefined }),
        (problem: Error) => over.signal.aborted || setState((before) => ({ ...before, error: problem })),
      );
    return () => over.abort();
  }, [address]);
  return { ...state, busy: state.from !== address };
}

interface Props {
  readonly worker: string;
  readonly place: number;
  readonly stream: string;
  readonly name: string;
  readonly array: ArrayLine;
}

function Picture(props: Props & { shape: Extract<Shape, { kind: "image" }> }): JSX.Element {
  const { rows, columns, layers } = props.shape;
  const [look, setLook] = useState<Look>({ map: "viridis", log: false, square: true });
  const [layer, setLayer] = useState(0);
  const query = { stream: props.stream, name: props.name, most: `${MOST_PIXELS},${MOST_PIXELS}` };
  const { array, error, busy } = useArray(addressOf(props.worker, `/${props.place}/array`, query));
  if (!array) return error ? <Problem error={error} /> : <Empty>Asking for it…</Empty>;
  const sides = array.shape.slice(-2);
  const size = sides[0]! * sides[1]!;
  const chosen = Math.min(layer, array.data.length / size - 1);
  const image = { data: array.data.subarray(chosen * size, (chosen + 1) * size), shape: sides };
  const levels = look.levels ?? autoLevels(image.data, look.log);
  return (
    <div class="rawarray" aria-busy={busy}>
      <Problem error={error} />
      <LookForm look={look} levels={levels} onLook={setLook} />
      <Scale levels={levels} map={look.map} />
      {layers > 1 ? (
        <label class="plane">
          layer {chosen} of {layers}
          <input type="range" min={0} max={layers - 1} value={chosen} onInput={(event) => setLayer(Number(event.currentTarget.value))} />
        </label>
      ) : null}
      <Image image={image} levels={levels} log={look.log} map={look.map} square={look.square} full={{ rows, columns }} label={`${props.stream}: ${props.name}`} />
    </div>
  );
}

function Lines(props: Props & { shape: Extract<Shape, { kind: "curves" }> }): JSX.Element {
  const { rows } = props.shape;
  const [log, setLog] = useState(false);
  const query = { stream: props.stream, name: props.name, most: String(MOST_POINTS) };
  const { array, error, busy } = useArray(addressOf(props.worker, `/${props.place}/array`, query));
  if (!array) return error ? <Problem error={error} /> : <Empty>Asking for it…</Empty>;
  const length = array.shape.at(-1)!;
  const step = Math.ceil(props.shape.length / length);
  const curves = Array.from({ length: rows }, (_, row) => ({
    label: rows > 1 ? `row ${row}` : props.name,
    values: array.data.subarray(row * length, (row + 1) * length),
  }));
  return (
    <div class="rawarray" aria-busy={busy}>
      <Problem error={error} />
      <form class="filters">
        <label>
          <input type="checkbox" checked={log} onChange={(event) => setLog(event.currentTarget.checked)} /> log
        </label>
      </form>
      <Curves x={step > 1 ? Float64Array.from({ length }, (_, index) => index * step) : undefined} xLabel="element" yLabel={props.name} curves={curves} log={log} />
    </div>
  );
}

export function PacketArray(props: Props): JSX.Element {
  const { array, name } = props;
  const shape = shapeOf(array);
  const range = array.min === undefined ? "" : `, from ${rate(array.min)} to ${rate(array.max)}`;
  return (
    <div class="rawarray">
      <p class="faint">
        {name}: {kindText(array)}
        {range}
      </p>
      {shape.kind === "text" ? <code>{shape.text}</code> : shape.kind === "image" ? <Picture {...props} shape={shape} /> : <Lines {...props} shape={shape} />}
    </div>
  );
}
