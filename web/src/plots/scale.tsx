/** The scale of colours beside a picture, and what chooses it: map, levels, logarithm, square pixels. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { MAPS, palette } from "./colours";
import { figureTo } from "./figure";
import { digitsOf, type Levels } from "./levels";

export interface Look {
  readonly map: string;
  readonly log: boolean;
  readonly square: boolean;
  /** Rows grow upwards, as in a graph, not downwards as in a picture. */
  readonly up?: boolean | undefined;
  /** Levels that somebody chose; without them they follow the data. */
  readonly levels?: Levels | undefined;
}

export function Scale(props: { levels: Levels; map: string; log?: boolean; units?: string }): JSX.Element {
  const { low, high } = props.levels;
  const middle = props.log ? Math.sqrt(low) * Math.sqrt(high) : low / 2 + high / 2;
  const digits = digitsOf(props.levels);
  const text = (value: number): string => figureTo(Number(value.toPrecision(digits)), digits);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const pen = canvas.current?.getContext("2d");
    if (!pen) return;
    const data = new ImageData(256, 1);
    new Uint32Array(data.data.buffer).set(palette(props.map));
    pen.putImageData(data, 0, 0);
  }, [props.map]);
  return (
    <div class="scale" data-map={props.map} title={props.log ? "Colours by the logarithm" : "Colours"}>
      <canvas ref={canvas} width={256} height={1} aria-hidden="true" />
      <span>{text(low)}</span>
      <span>{text(middle)}</span>
      <span>
        {text(high)} {props.units}
      </span>
    </div>
  );
}

/** The field of a level: what is typed stays until it is taken, however often the level changes meanwhile. */
function Level(props: { value: string; onValue: (value: number) => void }): JSX.Element {
  const [typed, setTyped] = useState<string>();
  function take(text: string): void {
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value)) props.onValue(value);
    setTyped(undefined);
  }
  return (
    <input
      class="level"
      inputMode="decimal"
      value={typed ?? props.value}
      onInput={(event) => setTyped(event.currentTarget.value)}
      onChange={(event) => take(event.currentTarget.value)}
      onBlur={() => setTyped(undefined)}
    />
  );
}

/** `pixels`: what is shown has some, unless told that it has not. */
export function LookForm(props: { look: Look; levels: Levels; pixels?: boolean; onLook: (look: Look) => void; children?: ComponentChildren }): JSX.Element {
  const { look, levels, onLook } = props;
  const digits = digitsOf(levels);
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        colours{" "}
        <select value={look.map} onChange={(event) => onLook({ ...look, map: event.currentTarget.value })}>
          {MAPS.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      {(["low", "high"] as const).map((which) => (
        <label key={which}>
          {which === "low" ? "from" : "to"}{" "}
          <Level value={String(Number(levels[which].toPrecision(digits)))} onValue={(value) => onLook({ ...look, levels: { ...levels, [which]: value } })} />
        </label>
      ))}
      <label>
        <input type="checkbox" checked={!look.levels} onChange={(event) => onLook({ ...look, levels: event.currentTarget.checked ? undefined : levels })} /> auto levels
      </label>
      <label>
        <input type="checkbox" checked={look.log} onChange={(event) => onLook({ ...look, log: event.currentTarget.checked, levels: undefined })} /> log
      </label>
      <label>
        <input type="checkbox" checked={look.square} onChange={(event) => onLook({ ...look, square: event.currentTarget.checked })} /> {props.pixels === false ? "same scale" : "square pixels"}
      </label>
      {look.up !== undefined ? (
        <label>
          <input type="checkbox" checked={look.up} onChange={(event) => onLook({ ...look, up: event.currentTarget.checked })} /> upwards
        </label>
      ) : null}
      {props.children}
    </form>
  );
}
