/**
 * An image: colours by levels, drawn once per version and once per zoom; the wheel zooms, dragging moves, dragging with Shift marks a rectangle.
 * By keyboard: + and - zoom, the arrows move, 0 shows all.
 */
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { rate } from "../ui/format";
import { palette } from "./colours";
import { colour, type Levels } from "./levels";
import type { NdArray } from "./npy";
import { useSize } from "./size";
import { between, place, toImage, toPage, within, zoomed, type Box } from "./view";

export interface ImageProps {
  /** Its last two axes are rows and columns. */
  readonly image: NdArray;
  readonly levels: Levels;
  readonly log: boolean;
  readonly map: string;
  /** Pixels are square. */
  readonly square: boolean;
  /** Rows and columns of the data that the image stands for: it may have fewer. */
  readonly full: { readonly rows: number; readonly columns: number };
  /** Where columns and rows lie, by their numbers in the data. */
  readonly xAt?: ((column: number) => number) | undefined;
  readonly yAt?: ((row: number) => number) | undefined;
  readonly label: string;
  /** A rectangle in pixels of the data. */
  readonly region?: Box | undefined;
  readonly onRegion?: ((region: Box) => void) | undefined;
}

interface Drag {
  readonly marks: boolean;
  readonly from: { x: number; y: number };
  readonly seen: Box;
}

export function Image(props: ImageProps): JSX.Element {
  const { image, levels, log, map, square, full } = props;
  const columns = image.shape.at(-1) ?? 1;
  const rows = image.shape.at(-2) ?? 1;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height } = useSize(box);
  const whole: Box = { x: 0, y: 0, width: full.columns, height: full.rows };
  const [chosen, setSeen] = useState<Box>();
  const seen = chosen ? within({ ...chosen, width: Math.min(chosen.width, whole.width), height: Math.min(chosen.height, whole.height) }, whole) : whole;
  const shown = place(seen, width, height, square);
  const [cursor, setCursor] = useState<{ x: number; y: number }>();
  const drag = useRef<Drag | undefined>(undefined);
  const [marking, setMarking] = useState<Box>();

  const picture = useMemo(() => {
    const drawn = document.createElement("canvas");
    drawn.width = columns;
    drawn.height = rows;
    const data = new ImageData(columns, rows);
    colour(image.data, levels, log, palette(map), new Uint32Array(data.data.buffer));
    drawn.getContext("2d")?.putImageData(data, 0, 0);
    return drawn;
  }, [image, levels.low, levels.high, log, map]);

  useEffect(() => {
    const target = canvas.current;
    const pen = target?.getContext("2d");
    if (!target || !pen || !width || !height) return;
    const sharp = window.devicePixelRatio || 1;
    target.width = Math.round(width * sharp);
    target.height = Math.round(height * sharp);
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    const [across, down] = [columns / full.columns, rows / full.rows];
    pen.imageSmoothingEnabled = shown.width < seen.width * across;
    pen.drawImage(picture, seen.x * across, seen.y * down, seen.width * across, seen.height * down, shown.x, shown.y, shown.width, shown.height);
    const region = marking ?? props.region;
    if (region) {
      const from = toPage(seen, shown, region.x, region.y);
      const to = toPage(seen, shown, region.x + region.width, region.y + region.height);
      for (const [style, dash] of [["#000", []], ["#fff", [5, 5]]] as const) {
        pen.strokeStyle = style;
        pen.setLineDash([...dash]);
        pen.lineWidth = 1.5;
        pen.strokeRect(from.x, from.y, to.x - from.x, to.y - from.y);
      }
    }
  }, [picture, width, height, seen.x, seen.y, seen.width, seen.height, square, marking, props.region]);

  function under(event: MouseEvent): { x: number; y: number } {
    const corner = canvas.current!.getBoundingClientRect();
    return toImage(seen, shown, event.clientX - corner.left, event.clientY - corner.top);
  }
  function onWheel(event: WheelEvent): void {
    event.preventDefault();
    const { x, y } = under(event);
    setSeen(zoomed(seen, event.deltaY > 0 ? 1.25 : 0.8, x, y, whole));
  }
  function onDown(event: PointerEvent): void {
    canvas.current?.setPointerCapture(event.pointerId);
    drag.current = { marks: event.shiftKey && props.onRegion !== undefined, from: under(event), seen };
  }
  function onMove(event: PointerEvent): void {
    const here = under(event);
    setCursor(here);
    const held = drag.current;
    if (!held) return;
    if (held.marks) setMarking(between(held.from, here, whole));
    else setSeen(within({ ...seen, x: seen.x + held.from.x - here.x, y: seen.y + held.from.y - here.y }, whole));
  }
  function onUp(): void {
    if (drag.current?.marks && marking && marking.width > 0 && marking.height > 0) props.onRegion?.(marking);
    drag.current = undefined;
    setMarking(undefined);
  }
  function onKey(event: KeyboardEvent): void {
    const [middleX, middleY] = [seen.x + seen.width / 2, seen.y + seen.height / 2];
    const moves: Record<string, () => Box | undefined> = {
      "+": () => zoomed(seen, 0.8, middleX, middleY, whole),
      "-": () => zoomed(seen, 1.25, middleX, middleY, whole),
      "0": () => undefined,
      ArrowLeft: () => within({ ...seen, x: seen.x - seen.width / 10 }, whole),
      ArrowRight: () => within({ ...seen, x: seen.x + seen.width / 10 }, whole),
      ArrowUp: () => within({ ...seen, y: seen.y - seen.height / 10 }, whole),
      ArrowDown: () => within({ ...seen, y: seen.y + seen.height / 10 }, whole),
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    setSeen(move());
  }

  return (
    <div class="image">
      <div class="canvas" ref={box}>
        <canvas
          ref={canvas}
          tabIndex={0}
          role="img"
          aria-label={props.label}
          onWheel={onWheel}
          onPointerDown={onDown}
          onPointerMove={onMove}
          onPointerUp={onUp}
          onPointerLeave={() => setCursor(undefined)}
          onDblClick={() => setSeen(undefined)}
          onKeyDown={onKey}
        />
      </div>
      <output>{cursor ? words(props, cursor, rows, columns) : " "}</output>
    </div>
  );
}

function words(props: ImageProps, cursor: { x: number; y: number }, rows: number, columns: number): string {
  const [column, row] = [Math.floor(cursor.x), Math.floor(cursor.y)];
  const { full, image } = props;
  if (column < 0 || row < 0 || column >= full.columns || row >= full.rows) return " ";
  const blockRow = Math.floor((row / full.rows) * rows);
  const value = image.data[image.data.length - rows * columns + blockRow * columns + Math.floor((column / full.columns) * columns)];
  const x = props.xAt ? `, x ${rate(props.xAt(column))}` : "";
  const y = props.yAt ? `, y ${rate(props.yAt(row))}` : "";
  return `column ${column}, row ${row}${x}${y}: ${value === undefined || Number.isNaN(value) ? "no value" : rate(value)}`;
}
