/** The scale of colours beside a picture, and what chooses it: map, levels, logarithm, square pixels. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { rate } from "../ui/format";
import { MAPS, palette } from "./colours";
import type { Levels } from "./levels";

export interface Look {
  readonly map: string;
  readonly log: boolean;
  readonly square: boolean;
  /** Levels that somebody chose; without them they follow the data. */
  readonly levels?: Levels | undefined;
}

export function Scale(props: { levels: Levels; map: string }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const pen = canvas.current?.getContext("2d");
    if (!pen) return;
    const data = new ImageData(256, 1);
    new Uint32Array(data.data.buffer).set(palette(props.map));
    pen.putImageData(data, 0, 0);
  }, [props.map]);
  return (
    <div class="scale">
      <span>{rate(props.levels.low)}</span>
      <canvas ref={canvas} width={256} height={1} aria-hidden="true" />
      <span>{rate(props.levels.high)}</span>
    </div>
  );
}

export function LookForm(props: { look: Look; levels: Levels; onLook: (look: Look) => void }): JSX.Element {
  const { look, levels, onLook } = props;
  function onLevel(which: "low" | "high", text: string): void {
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value)) onLook({ ...look, levels: { ...levels, [which]: value } });
  }
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
          <input
            class="level"
            inputMode="decimal"
            value={String(Number(levels[which].toPrecision(4)))}
            onChange={(event) => onLevel(which, event.currentTarget.value)}
          />
        </label>
      ))}
      <label>
        <input type="checkbox" checked={!look.levels} onChange={(event) => onLook({ ...look, levels: event.currentTarget.checked ? undefined : levels })} /> auto levels
      </label>
      <label>
        <input type="checkbox" checked={look.log} onChange={(event) => onLook({ ...look, log: event.currentTarget.checked, levels: undefined })} /> log
      </label>
      <label>
        <input type="checkbox" checked={look.square} onChange={(event) => onLook({ ...look, square: event.currentTarget.checked })} /> square pixels
      </label>
    </form>
  );
}
