/** An image: its numbers become colours once for each version, and are drawn as often as it is zoomed or moved. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { palette } from "./colours";
import { figure } from "./figure";
import { colour, colourRgb, type Levels } from "./levels";
import type { NdArray } from "./npy";
import { Pane, type Frame, type PaneProps } from "./pane";
import { toPage, type Box } from "./view";

export interface ImageProps extends Omit<PaneProps, "paint" | "painted" | "says" | "least" | "onRest"> {
  /** Its last two axes are rows and columns; with `bands` the last one is red, green, blue. */
  readonly image: NdArray;
  readonly bands?: number | undefined;
  /** Pixels of the data that one of its pixels stands for, and where it begins in the data. */
  readonly block: { readonly rows: number; readonly columns: number };
  readonly begins: { readonly row: number; readonly column: number };
  readonly levels: Levels;
  readonly log: boolean;
  readonly map: string;
  /** What is known exactly of the pixel under the cursor. */
  readonly exact?: { readonly column: number; readonly row: number; readonly text: string } | undefined;
  readonly onCursor?: ((pixel: { column: number; row: number } | undefined) => void) | undefined;
  readonly units: string;
}

export function Image(props: ImageProps): JSX.Element {
  const { image, bands, block, begins, levels, log, map } = props;
  const [rows, columns] = image.shape.slice(bands ? -3 : -2) as [number, number];
  const covers: Box = { x: begins.column, y: begins.row, width: columns * block.columns, height: rows * block.rows };

  const picture = useMemo(() => {
    const drawn = document.createElement("canvas");
    drawn.width = columns;
    drawn.height = rows;
    const data = new ImageData(columns, rows);
    const pixels = new Uint32Array(data.data.buffer);
    const last = image.data.subarray(image.data.length - rows * columns * (bands ?? 1));
    if (bands) colourRgb(last, bands, pixels);
    else colour(last, levels, log, palette(map), pixels);
    drawn.getContext("2d")?.putImageData(data, 0, 0);
    return drawn;
  }, [image, bands, levels.low, levels.high, log, map]);

  function paint(pen: CanvasRenderingContext2D, { seen, shown, up }: Frame): void {
    const from = toPage(seen, shown, covers.x, covers.y, up);
    const to = toPage(seen, shown, covers.x + covers.width, covers.y + covers.height, up);
    pen.save();
    pen.translate(from.x, from.y);
    pen.scale((to.x - from.x) / columns, (to.y - from.y) / rows);
    const sharp = window.devicePixelRatio || 1;
    pen.imageSmoothingEnabled = (Math.abs(to.x - from.x) * sharp) / columns < 1;
    pen.drawImage(picture, 0, 0);
    pen.restore();
  }

  function under(place: { x: number; y: number } | undefined): { column: number; row: number } | undefined {
    if (!place) return undefined;
    const [column, row] = [Math.floor(place.x), Math.floor(place.y)];
    return column < 0 || row < 0 || column >= props.whole.width || row >= props.whole.height ? undefined : { column, row };
  }

  function says(place: { x: number; y: number } | undefined): string {
    const pixel = under(place);
    if (!pixel) return " ";
    const { column, row } = pixel;
    const x = props.x.at(column + 0.5);
    const y = props.y.at(row + 0.5);
    const where = `column ${column}, row ${row}${x === column ? "" : `, x ${figure(x)}`}${y === row ? "" : `, y ${figure(y)}`}`;
    return `${where}: ${valueAt(column, row)}`;
  }

  function valueAt(column: number, row: number): string {
    const units = props.units ? ` ${props.units}` : "";
    const { exact } = props;
    if (exact && exact.column === column && exact.row === row) return exact.text + units;
    const [across, down] = [Math.floor((column - begins.column) / block.columns), Math.floor((row - begins.row) / block.rows)];
    if (across < 0 || down < 0 || across >= columns || down >= rows) return "…";
    const place = image.data.length - rows * columns * (bands ?? 1) + (down * columns + across) * (bands ?? 1);
    const values = Array.from(image.data.subarray(place, place + (bands ?? 1)), figure).join(", ");
    if (block.columns * block.rows === 1) return values + units;
    return `at most ${values}${units} in ${block.columns} × ${block.rows} pixels`;
  }

  const painted = [picture, covers.x, covers.y, covers.width, covers.height];
  return <Pane {...props} least={4} paint={paint} painted={painted} says={says} onRest={(place) => props.onCursor?.(under(place))} />;
}
