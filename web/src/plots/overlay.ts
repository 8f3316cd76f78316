/** Places and circles over an image, black and white, so that they are seen on every colour. */
import { figure } from "./figure";
import { toPage, type Frame } from "./view";

export interface Marks {
  /** Columns and rows, the centre of the first pixel being 0; not a number: none. */
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

export interface Rings {
  readonly column: number;
  readonly row: number;
  readonly radius: ArrayLike<number>;
  /** What is written beside each. */
  readonly names?: ArrayLike<number> | undefined;
  readonly units: string;
}

export interface Overlay {
  readonly marks?: Marks | undefined;
  readonly rings?: Rings | undefined;
}

/** Pixels of the page. */
const SMALLEST_MARK = 5;
const LARGEST_MARK = 14;
/** Pixels of the image. */
const MARK = 3.5;

/** How many places are marked. */
export function marked(marks: Marks | undefined): number {
  let count = 0;
  for (let index = 0; index < (marks?.x.length ?? 0); index++) if (Number.isFinite(marks!.x[index])) count++;
  return count;
}

/** Draw it where the image is seen; `small`: without what is written. */
export function drawOverlay(pen: CanvasRenderingContext2D, frame: Frame, overlay: Overlay, small = false): void {
  const { seen, shown, up } = frame;
  const [across, down] = [shown.width / seen.width, shown.height / seen.height];
  const { marks, rings } = overlay;
  if (rings) {
    const middle = toPage(seen, shown, rings.column + 0.5, rings.row + 0.5, up);
    for (let index = 0; index < rings.radius.length; index++) {
      const radius = rings.radius[index]!;
      if (!(radius > 0)) continue;
      twice(pen, [6, 4], () => pen.ellipse(middle.x, middle.y, radius * across, radius * down, 0, 0, 2 * Math.PI));
    }
    if (!small) writeNames(pen, frame, rings, middle, across, down);
  }
  if (marks) {
    const size = Math.min(LARGEST_MARK, Math.max(small ? SMALLEST_MARK / 2 : SMALLEST_MARK, MARK * across));
    for (let index = 0; index < marks.x.length; index++) {
      const [x, y] = [marks.x[index]!, marks.y[index]!];
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      const at = toPage(seen, shown, x + 0.5, y + 0.5, up);
      twice(pen, [], () => pen.ellipse(at.x, at.y, size, size, 0, 0, 2 * Math.PI), small ? 0.75 : 1);
    }
  }
}

function twice(pen: CanvasRenderingContext2D, dash: number[], path: () => void, width = 1): void {
  for (const [style, wide, dashed] of [["#000", 2.5 * width, []], ["#fff", 1.25 * width, dash]] as const) {
    pen.beginPath();
    path();
    pen.strokeStyle = style;
    pen.lineWidth = wide;
    pen.setLineDash([...dashed]);
    pen.stroke();
  }
  pen.setLineDash([]);
}

/** Where names may stand on a ring: above its middle first, then further around, in turns. */
const ANGLES = [0, 0.125, -0.125, 0.25, -0.25, 0.375, -0.375, 0.5, 0.09, -0.09, 0.41, -0.41].map((turn) => turn * 2 * Math.PI);
const BETWEEN = { x: 40, y: 16 };

/** Each name stands where its ring is seen, and no other name is; of rings that are too near to each other only some are named. */
function writeNames(pen: CanvasRenderingContext2D, { shown }: Frame, rings: Rings, middle: { x: number; y: number }, across: number, down: number): void {
  const { names } = rings;
  if (!names) return;
  pen.font = "12px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  const taken: { x: number; y: number }[] = [];
  for (let index = 0; index < rings.radius.length; index++) {
    const radius = rings.radius[index]!;
    const place = ANGLES.map((angle) => ({ x: middle.x + Math.sin(angle) * radius * across, y: middle.y - Math.cos(angle) * radius * down })).find(
      ({ x, y }) =>
        x > shown.x + 20 && x < shown.x + shown.width - 20 && y > shown.y + 8 && y < shown.y + shown.height - 8 &&
        taken.every((other) => Math.abs(other.x - x) > BETWEEN.x || Math.abs(other.y - y) > BETWEEN.y), // prettier-ignore
    );
    if (!(radius > 0) || !place) continue;
    taken.push(place);
    const { x, y } = place;
    const name = `${figure(names[index]!)}${rings.units ? ` ${rings.units}` : ""}`;
    pen.lineWidth = 3;
    pen.strokeStyle = "#000";
    pen.strokeText(name, x, y);
    pen.fillStyle = "#fff";
    pen.fillText(name, x, y);
  }
}
