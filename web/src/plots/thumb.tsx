/** An image that is only looked at: as large as its place allows, with what is drawn over it, and nothing to be done with it. */
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Along } from "./along";
import { drawAxes, marginsOf } from "./axes";
import { penOf } from "./canvas";
import { palette } from "./colours";
import { colour, type Levels } from "./levels";
import type { NdArray } from "./npy";
import { drawOverlay, type Overlay } from "./overlay";
import { useSize } from "./size";
import { useDark } from "../ui/dark";
import { place, type Box } from "./view";

export interface ThumbProps {
  /** Rows and columns. */
  readonly image: NdArray;
  readonly levels: Levels;
  readonly log: boolean;
  /** All that it shows, in pixels of the data. */
  readonly whole: Box;
  readonly square: boolean;
  /** Where they are kept so: how many times as high as wide pixels are. */
  readonly ratio: number;
  readonly up: boolean;
  readonly overlay: Overlay;
  /** One of many: without the names of rings. */
  readonly small: boolean;
  readonly label: string;
  /** Of a graph; without them there are none. */
  readonly axes?: { readonly x: Along; readonly y: Along; readonly xLabel: string; readonly yLabel: string } | undefined;
}

export function Thumb(props: ThumbProps): JSX.Element {
  const { image, levels, log, whole, square, ratio, up, overlay } = props;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height } = useSize(box);
  const dark = useDark();
  const [rows, columns] = image.shape as [number, number];
  const painted = useMemo(() => {
    const made = document.createElement("canvas");
    [made.width, made.height] = [columns, rows];
    const data = new ImageData(columns, rows);
    colour(image.data, levels, log, palette("viridis"), new Uint32Array(data.data.buffer));
    made.getContext("2d")?.putImageData(data, 0, 0);
    return made;
  }, [image, levels.low, levels.high, log]);
  useEffect(() => {
    const pen = penOf(canvas.current, width, height);
    if (!pen) return;
    const { axes } = props;
    const ticks = axes && { x: axes.x.ticks(0, whole.width, Math.max(2, width / 80)), y: axes.y.ticks(0, whole.height, Math.max(2, height / 45)) };
    const margins = ticks ? marginsOf(ticks.y) : { left: 0, right: 0, top: 0, bottom: 0 };
    const inner = place(whole, Math.max(1, width - margins.left - margins.right), Math.max(1, height - margins.top - margins.bottom), square, ratio);
    const shown = { ...inner, x: inner.x + margins.left, y: inner.y + margins.top };
    pen.save();
    pen.beginPath();
    pen.rect(shown.x, shown.y, shown.width, shown.height);
    pen.clip();
    pen.save();
    pen.translate(shown.x, up ? shown.y + shown.height : shown.y);
    pen.scale(shown.width / columns, ((up ? -1 : 1) * shown.height) / rows);
    pen.imageSmoothingEnabled = shown.width * (window.devicePixelRatio || 1) < columns;
    pen.drawImage(painted, 0, 0);
    pen.restore();
    drawOverlay(pen, { seen: whole, shown, up }, overlay, props.small);
    pen.restore();
    if (axes && ticks && canvas.current) drawAxes(pen, { seen: whole, shown, up }, ticks, { x: axes.xLabel, y: axes.yLabel }, getComputedStyle(canvas.current).color);
  }, [painted, overlay, props.axes, width, height, square, ratio, up, dark]);
  return (
    <div class="thumb" ref={box} style={square ? { aspectRatio: `${whole.width} / ${whole.height * ratio}` } : {}}>
      <canvas ref={canvas} role="img" aria-label={props.label} />
    </div>
  );
}
