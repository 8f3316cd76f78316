/** A plot as a picture in a file: its title, what is drawn, the scale of colours or the names of the curves. */
import { palette } from "./colours";

const EDGE = 16;
const LINE = 22;
const FONT = "14px system-ui, sans-serif";

/** A PNG of the plot in `panel`, in pixels of the screen; undefined where none is drawn. */
export async function pictureOf(panel: HTMLElement, title: string): Promise<Blob | undefined> {
  const drawn = panel.querySelector<HTMLCanvasElement>(".canvas canvas, .curves canvas");
  if (!drawn?.width) return undefined;
  const sharp = window.devicePixelRatio || 1;
  const [width, height] = [drawn.width / sharp, drawn.height / sharp];
  const names = [...panel.querySelectorAll<HTMLElement>(".u-legend .u-series:not(.edge)")].slice(1);
  const scale = panel.querySelector<HTMLElement>(".scale");
  const below = scale ? 2 * LINE : Math.ceil(names.length / 3) * LINE;
  const made = document.createElement("canvas");
  made.width = Math.round((width + 2 * EDGE) * sharp);
  made.height = Math.round((height + 3 * EDGE + LINE + below) * sharp);
  const pen = made.getContext("2d");
  if (!pen) return undefined;
  pen.scale(sharp, sharp);
  const style = getComputedStyle(panel);
  pen.fillStyle = style.backgroundColor;
  pen.fillRect(0, 0, width + 2 * EDGE, height + 3 * EDGE + LINE + below);
  pen.fillStyle = style.color;
  pen.font = `600 ${FONT}`;
  pen.textBaseline = "top";
  pen.fillText(title, EDGE, EDGE, width);
  pen.drawImage(drawn, EDGE, EDGE + LINE, width, height);
  pen.font = FONT;
  const under = height + 2 * EDGE + LINE;
  if (scale) drawScale(pen, scale, width, under);
  else drawNames(pen, names, width, under, style.color);
  return new Promise((resolve) => made.toBlob((blob) => resolve(blob ?? undefined), "image/png"));
}

function drawScale(pen: CanvasRenderingContext2D, scale: HTMLElement, width: number, top: number): void {
  const colours = palette(scale.dataset["map"] ?? "");
  const wide = Math.min(width, 400);
  for (let index = 0; index < 256; index++) {
    const one = colours[index]!;
    const ink = pen.fillStyle;
    pen.fillStyle = `rgb(${one & 255} ${(one >> 8) & 255} ${(one >> 16) & 255})`;
    pen.fillRect(EDGE + (index * wide) / 256, top, wide / 256 + 0.5, LINE / 2);
    pen.fillStyle = ink;
  }
  const texts = [...scale.querySelectorAll("span")].map((one) => one.textContent ?? "");
  (["left", "center", "right"] as const).forEach((align, place) => {
    pen.textAlign = align;
    pen.fillText(texts[place] ?? "", EDGE + (wide * place) / 2, top + LINE * 0.7);
  });
}

function drawNames(pen: CanvasRenderingContext2D, names: readonly HTMLElement[], width: number, top: number, ink: string): void {
  names.forEach((one, index) => {
    const [left, line] = [EDGE + ((index % 3) * width) / 3, top + Math.floor(index / 3) * LINE];
    pen.strokeStyle = one.querySelector<HTMLElement>(".u-marker")?.style.borderColor || ink;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.moveTo(left, line + LINE / 2 - 2);
    pen.lineTo(left + 20, line + LINE / 2 - 2);
    pen.stroke();
    pen.fillText(one.querySelector(".u-label")?.textContent ?? "", left + 26, line, width / 3 - 30);
  });
}
