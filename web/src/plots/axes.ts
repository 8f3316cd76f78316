/** The axes around a picture: ticks with their numbers below and at the left, and what they are of. */
import type { Tick } from "./along";
import { toPage, type Frame } from "./view";

export interface Margins {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const FONT = "12px system-ui, sans-serif";
const DIGIT = 7;
const TICK = 5;
const LINE = 16;

/** Room for the numbers at the left, which are as wide as they are long. */
export function marginsOf(ticks: readonly Tick[]): Margins {
  const longest = Math.max(3, ...ticks.map((one) => one.text.length));
  return { left: longest * DIGIT + TICK + LINE + 4, right: 14, top: 8, bottom: TICK + 2 * LINE + 4 };
}

export function drawAxes(
  pen: CanvasRenderingContext2D,
  { seen, shown, up }: Frame,
  ticks: { readonly x: readonly Tick[]; readonly y: readonly Tick[] },
  labels: { readonly x: string; readonly y: string },
  ink: string,
): void {
  pen.font = FONT;
  pen.fillStyle = pen.strokeStyle = ink;
  pen.lineWidth = 1;
  const [right, bottom] = [shown.x + shown.width, shown.y + shown.height];
  pen.strokeRect(Math.round(shown.x) - 0.5, Math.round(shown.y) - 0.5, Math.round(shown.width) + 1, Math.round(shown.height) + 1);
  pen.textAlign = "center";
  pen.textBaseline = "top";
  let free = -Infinity;
  for (const { place, text } of ticks.x) {
    const { x } = toPage(seen, shown, place, seen.y, up);
    const half = (text.length * DIGIT) / 2;
    if (x < shown.x - 1 || x > right + 1) continue;
    stroke(pen, x, bottom, x, bottom + TICK);
    if (x - half < free) continue;
    free = x + half + DIGIT;
    pen.fillText(text, x, bottom + TICK + 2);
  }
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const { place, text } of ticks.y) {
    const { y } = toPage(seen, shown, seen.x, place, up);
    if (y < shown.y - 1 || y > bottom + 1) continue;
    stroke(pen, shown.x - TICK, y, shown.x, y);
    pen.fillText(text, shown.x - TICK - 2, y);
  }
  pen.textAlign = "center";
  pen.textBaseline = "top";
  pen.fillText(labels.x, shown.x + shown.width / 2, bottom + TICK + LINE + 2, shown.width);
  pen.save();
  const longest = Math.max(3, ...ticks.y.map((one) => one.text.length));
  pen.translate(shown.x - TICK - longest * DIGIT - 4, shown.y + shown.height / 2);
  pen.rotate(-Math.PI / 2);
  pen.textBaseline = "bottom";
  pen.fillText(labels.y, 0, 0, shown.height);
  pen.restore();
}

function stroke(pen: CanvasRenderingContext2D, x: number, y: number, toX: number, toY: number): void {
  pen.beginPath();
  pen.moveTo(Math.round(x) + 0.5, Math.round(y) + 0.5);
  pen.lineTo(Math.round(toX) + 0.5, Math.round(toY) + 0.5);
  pen.stroke();
}
