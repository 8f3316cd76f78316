/** The arrays of a packet: few values as text, spectra as curves, photos in their colours, all else as images. */
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import "../plots/plots.css";
import { Curves } from "../plots/curves";
import { figure } from "../plots/figure";
import { Image } from "../plots/image";
import { autoLevels, usable } from "../plots/levels";
import type { NdArray } from "../plots/npy";
import { LookForm, Scale, type Look } from "../plots/scale";
import { Problem } from "../ui/parts";
import { kindText, shapeOf, type ArrayLine, type Shape } from "./kept";

interface Props<Kind extends Shape["kind"]> {
  readonly label: string;
  readonly array: NdArray;
  readonly shape: Extract<Shape, { kind: Kind }>;
}

function Picture(props: Props<"image">): JSX.Element {
  const { array } = props;
  const { rows, columns, layers } = props.shape;
  const [look, setLook] = useState<Look>({ map: "viridis", log: false, square: true });
  const [layer, setLayer] = useState(0);
  const sides = array.shape.slice(-2);
  const size = sides[0]! * sides[1]!;
  const chosen = Math.min(layer, layers - 1);
  const image = { data: array.data.subarray(chosen * size, (chosen + 1) * size), shape: sides };
  const levels = usable(look.levels ?? autoLevels(image.data, look.log), look.log);
  return (
    <>
      <LookForm look={look} levels={levels} onLook={setLook} />
      <Scale levels={levels} map={look.map} log={look.log} />
      {layers > 1 ? (
        <label class="plane">
          layer {chosen} of {layers}
          <input type="range" min={0} max={layers - 1} value={chosen} onInput={(event) => setLayer(Number(event.currentTarget.value))} />
        </label>
      ) : null}
      <Image image={image} levels={levels} log={look.log} map={look.map} square={look.square} whole={{ x: 0, y: 0, width: columns, height: rows }} label={props.label} />
    </>
  );
}

const PLAIN = { levels: { low: 0, high: 255 }, log: false, map: "grey", square: true };

function Photo(props: Props<"photo">): JSX.Element {
  const { array, shape, label } = props;
  // Means of bytes come as fractions.
  const image = useMemo(() => ({ ...array, data: array.data instanceof Uint8Array ? array.data : Uint8Array.from(array.data, Math.round) }), [array]);
  return <Image image={image} bands={shape.bands} {...PLAIN} whole={{ x: 0, y: 0, width: shape.columns, height: shape.rows }} label={label} />;
}

function Lines(props: Props<"curves">): JSX.Element {
  const { array, shape, label } = props;
  const [log, setLog] = useState(false);
  const length = array.shape.at(-1)!;
  const step = Math.ceil(shape.length / length);
  const curves = Array.from({ length: shape.rows }, (_, row) => ({
    label: shape.rows > 1 ? `row ${row}` : "value",
    values: array.data.subarray(row * length, (row + 1) * length),
  }));
  return (
    <>
      <form class="filters">
        <label>
          <input type="checkbox" checked={log} onChange={(event) => setLog(event.currentTarget.checked)} /> log
        </label>
      </form>
      <Curves x={step > 1 ? Float64Array.from({ length }, (_, index) => index * step) : undefined} xLabel="element" yLabel={label} curves={curves} log={log} />
    </>
  );
}

/** An array of a packet; `found` is what was fetched of it, undefined where nothing is to be fetched. */
export function PacketArray(props: { stream: string; name: string; array: ArrayLine; found: NdArray | Error | undefined }): JSX.Element {
  const { array, found, name } = props;
  const shape = shapeOf(array);
  const label = `${props.stream}: ${name}`;
  const range = array.min === undefined ? "" : `, from ${figure(array.min)} to ${figure(array.max)}`;
  return (
    <div class="rawarray">
      <p class="faint">
        {name}: {kindText(array)}
        {range}
      </p>
      {shape.kind === "text" ? <code>{shape.text}</code> : null}
      {found instanceof Error ? <Problem error={found} /> : null}
      {shape.kind === "image" && found && !(found instanceof Error) ? <Picture label={label} array={found} shape={shape} /> : null}
      {shape.kind === "photo" && found && !(found instanceof Error) ? <Photo label={label} array={found} shape={shape} /> : null}
      {shape.kind === "curves" && found && !(found instanceof Error) ? <Lines label={label} array={found} shape={shape} /> : null}
    </div>
  );
}
