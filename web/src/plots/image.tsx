/** An image: its numbers become colours once for each version, and are drawn as often as it is zoomed or moved. */
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { COUNTED } from "./along";
import { palette } from "./colours";
import { figure } from "./figure";
import { colour, colourRgb, type Levels } from "./levels";
import type { NdArray } from "./npy";
import { drawOverlay, type Overlay } from "./overlay";
import { Pane, type PaneProps } from "./pane";
import { toPage, type Box, type Frame } from "./view";
import { unit } from "../ui/unit";

type Given = "paint" | "painted" | "says" | "least" | "onRest";
type Usual = "whole" | "up" | "x" | "y" | "xLabel" | "yLabel";

export interface ImageProps extends Omit<PaneProps, Given | Usual>, Partial<Pick<PaneProps, Usual>> {
  /** Its last two axes are rows and columns; with `bands` the last one is red, green, blue. */
  readonly image: NdArray;
  readonly bands?: number | undefined;
  /** Pixels of the data (`whole`) that one of its pixels stands for, and where it begins there; all of it, unless told. */
  readonly block?: { readonly rows: number; readonly columns: number };
  readonly begins?: { readonly row: number; readonly column: number };
  readonly levels: Levels;
  readonly log: boolean;
  readonly map: string;
  /** What is known exactly of the pixel under the cursor. */
  readonly exact?: { readonly column: number; readonly row: number; readonly text: string } | undefined;
  readonly onCursor?: ((pixel: { column: number; row: number } | undefined) => void) | undefined;
  readonly units?: string;
  /** What is drawn over it. */
  readonly overlay?: Overlay | undefined;
}

export function Image(props: ImageProps): JSX.Element {
  const { image, bands, levels, log, map, begins = { row: 0, column: 0 }, x: along = COUNTED, y: down = COUNTED } = props;
  const [rows, columns] = image.shape.slice(bands ? -3 : -2) as [number, number];
  const whole = props.whole ?? { x: 0, y: 0, width: columns, height: rows };
  const block = props.block ?? { rows: Math.ceil(whole.height / rows), columns: Math.ceil(whole.width / columns) };
  const covers: Box = { x: begins.column, y: begins.row, width: columns * block.columns, height: rows * block.rows };

  // One canvas for all versions: memory for millions of pixels is not asked for ten times a second.
  const kept = useRef<{ canvas: HTMLCanvasElement; data: ImageData }>(undefined);
  const version = useMemo(() => {
    if (kept.current?.data.width !== columns || kept.current.data.height !== rows) {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [columns, rows];
      kept.current = { canvas, data: new ImageData(columns, rows) };
    }
    const { canvas, data } = kept.current;
    const pixels = new Uint32Array(data.data.buffer);
    const last = image.data.subarray(image.data.length - rows * columns * (bands ?? 1));
    if (bands) colourRgb(last, bands, pixels);
    else colour(last, levels, log, palette(map), pixels);
    canvas.getContext("2d")?.putImageData(data, 0, 0);
    return {};
  }, [image, bands, levels.low, levels.high, log, map]);

  function paint(pen: CanvasRenderingContext2D, { seen, shown, up }: Frame): void {
    const from = toPage(seen, shown, covers.x, covers.y, up);
    const to = toPage(seen, shown, covers.x + covers.width, covers.y + covers.height, up);
    pen.save();
    pen.translate(from.x, from.y);
    pen.scale((to.x - from.x) / columns, (to.y - from.y) / rows);
    const sharp = (window.devicePixelRatio || 1) * unit();
    pen.imageSmoothingEnabled = (Math.abs(to.x - from.x) * sharp) / columns < 1;
    if (kept.current) pen.drawImage(kept.current.canvas, 0, 0);
    pen.restore();
    if (props.overlay) drawOverlay(pen, { seen, shown, up }, props.overlay);
  }

  function under(place: { x: number; y: number } | undefined): { column: number; row: number } | undefined {
    if (!place) return undefined;
    const [column, row] = [Math.floor(place.x), Math.floor(place.y)];
    return column < 0 || row < 0 || column >= whole.width || row >= whole.height ? undefined : { column, row };
  }

  function says(place: { x: number; y: number } | undefined): string {
    const pixel = under(place);
    if (!pixel) return " ";
    const { column, row } = pixel;
    const x = along.at(column + 0.5);
    const y = down.at(row + 0.5);
    const where = `column ${column}, row ${row}${x === column ? "" : `, x ${figure(x)}`}${y === row ? "" : `, y ${figure(y)}`}`;
    return `${where}: ${valueAt(column, row)}`;
  }

  function valueAt(column: number, row: number): string {
    const units = props.units ? ` ${props.units}` : "";
    const { exact } = props;
    if (exact && exact.column === column && exact.row === row) return exact.text + units;
    const [across, under] = [Math.floor((column - begins.column) / block.columns), Math.floor((row - begins.row) / block.rows)];
    if (across < 0 || under < 0 || across >= columns || under >= rows) return "…";
    const place = image.data.length - rows * columns * (bands ?? 1) + (under * columns + across) * (bands ?? 1);
    const values = Array.from(image.data.subarray(place, place + (bands ?? 1)), figure).join(", ");
    if (block.columns * block.rows === 1) return values + units;
    return `at most ${values}${units} in ${block.columns} × ${block.rows} pixels`;
  }

  const painted = [version, props.overlay, covers.x, covers.y, covers.width, covers.height];
  return (
    <Pane
      xLabel="column"
      yLabel="row"
      up={false}
      {...props}
      whole={whole}
      x={along}
      y={down}
      least={4}
      paint={paint}
      painted={painted}
      says={says}
      onRest={(place) => props.onCursor?.(under(place))}
    />
  );
}
