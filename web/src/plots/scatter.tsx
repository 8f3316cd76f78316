/** Values at scattered places: points coloured by value, as large as leaves no gaps. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { rate } from "../ui/format";
import { palette } from "./colours";
import { colour, type Levels } from "./levels";
import type { Numbers } from "./npy";
import { useSize } from "./size";

export interface ScatterProps {
  readonly x: Numbers;
  readonly y: Numbers;
  readonly values: Numbers;
  readonly levels: Levels;
  readonly log: boolean;
  readonly map: string;
  readonly square: boolean;
  readonly label: string;
}

const EDGE = 12;

interface Frame {
  readonly at: (index: number) => { x: number; y: number };
  readonly radius: number;
}

function limits(values: Numbers): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low < high ? [low, high] : [low - 0.5, low + 0.5];
}

function frameOf(props: ScatterProps, width: number, height: number): Frame {
  const [[left, right], [bottom, top]] = [limits(props.x), limits(props.y)];
  let [across, up] = [(width - 2 * EDGE) / (right - left), (height - 2 * EDGE) / (top - bottom)];
  if (props.square) across = up = Math.min(across, up);
  const area = (right - left) * across * (top - bottom) * up;
  const radius = Math.min(12, Math.max(1.5, 0.55 * Math.sqrt(area / Math.max(props.x.length, 1))));
  return { at: (index) => ({ x: EDGE + (props.x[index]! - left) * across, y: height - EDGE - (props.y[index]! - bottom) * up }), radius };
}

export function Scatter(props: ScatterProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height } = useSize(box);
  const [said, setSaid] = useState(" ");
  useEffect(() => {
    const target = canvas.current;
    const pen = target?.getContext("2d");
    if (!target || !pen || !width || !height) return;
    const sharp = window.devicePixelRatio || 1;
    target.width = Math.round(width * sharp);
    target.height = Math.round(height * sharp);
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    const frame = frameOf(props, width, height);
    const colours = new Uint32Array(props.values.length);
    colour(props.values, props.levels, props.log, palette(props.map), colours);
    for (let index = 0; index < colours.length; index++) {
      const one = colours[index]!;
      if (!(one >>> 24)) continue;
      const { x, y } = frame.at(index);
      pen.fillStyle = `rgb(${one & 255} ${(one >> 8) & 255} ${(one >> 16) & 255})`;
      pen.fillRect(x - frame.radius, y - frame.radius, 2 * frame.radius, 2 * frame.radius);
    }
  });
  function onMove(event: PointerEvent): void {
    const corner = canvas.current!.getBoundingClientRect();
    const frame = frameOf(props, width, height);
    let [nearest, least] = [-1, (3 * frame.radius) ** 2];
    for (let index = 0; index < props.x.length; index++) {
      const { x, y } = frame.at(index);
      const distance = (x - event.clientX + corner.left) ** 2 + (y - event.clientY + corner.top) ** 2;
      if (distance < least) [nearest, least] = [index, distance];
    }
    setSaid(nearest < 0 ? " " : `x ${rate(props.x[nearest])}, y ${rate(props.y[nearest])}: ${rate(props.values[nearest])}`);
  }
  return (
    <div class="image">
      <div class="canvas" ref={box}>
        <canvas ref={canvas} role="img" aria-label={props.label} onPointerMove={onMove} onPointerLeave={() => setSaid(" ")} />
      </div>
      <output>{said}</output>
    </div>
  );
}
