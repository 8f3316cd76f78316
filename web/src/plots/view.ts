/** Which part of an image is seen: a rectangle in pixels of the image, shown in a rectangle of the page with pixels of a given or of any proportion. */

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A rectangle of the page, and what of the picture is drawn there. */
export interface Frame {
  readonly seen: Box;
  readonly shown: Box;
  /** y grows upwards. */
  readonly up: boolean;
}

/**
 * The part of the page in which `seen` is drawn: all of it, or where `square` as much as keeps pixels so, centred; a pixel is then `ratio` times as
 * high as it is wide.
 */
export function place(seen: Box, width: number, height: number, square: boolean, ratio = 1): Box {
  if (!square) return { x: 0, y: 0, width, height };
  const scale = Math.min(width / seen.width, height / (seen.height * ratio));
  const [wide, high] = [seen.width * scale, seen.height * ratio * scale];
  return { x: (width - wide) / 2, y: (height - high) / 2, width: wide, height: high };
}

/** The place in the image that is shown at a place of the page; `up`: y grows upwards. */
export function toImage(seen: Box, shown: Box, x: number, y: number, up = false): { x: number; y: number } {
  const down = (y - shown.y) / shown.height;
  return { x: seen.x + ((x - shown.x) / shown.width) * seen.width, y: seen.y + (up ? 1 - down : down) * seen.height };
}

/** The place of the page at which a place of the image is shown. */
export function toPage(seen: Box, shown: Box, x: number, y: number, up = false): { x: number; y: number } {
  const down = (y - seen.y) / seen.height;
  return { x: shown.x + ((x - seen.x) / seen.width) * shown.width, y: shown.y + (up ? 1 - down : down) * shown.height };
}

/** `seen` made larger (`factor` above 1) or smaller around a place of the image that stays where it is; never smaller than `least`. */
export function zoomed(seen: Box, factor: number, x: number, y: number, whole: Box, least = 4): Box {
  const width = Math.min(whole.width, Math.max(Math.min(least, whole.width), seen.width * factor));
  const height = Math.min(whole.height, Math.max(Math.min(least, whole.height), seen.height * factor));
  return within({ x: x - ((x - seen.x) / seen.width) * width, y: y - ((y - seen.y) / seen.height) * height, width, height }, whole);
}

/** As much of `box` as lies in `whole`, moved into it; all of it where nothing was chosen. */
export function fitted(box: Box | undefined, whole: Box): Box {
  return box ? within({ ...box, width: Math.min(box.width, whole.width), height: Math.min(box.height, whole.height) }, whole) : whole;
}

/** A box as it stands in an address, and back; undefined for what is none. */
export function boxText(box: Box | undefined): string | undefined {
  return box && [box.x, box.y, box.width, box.height].map((one) => Number(one.toPrecision(7))).join(",");
}

export function boxOf(text: string | undefined): Box | undefined {
  const numbers = text?.split(",").map(Number) ?? [];
  const [x, y, width, height] = numbers;
  if (numbers.length !== 4 || !numbers.every(Number.isFinite) || !(width! > 0) || !(height! > 0)) return undefined;
  return { x: x!, y: y!, width: width!, height: height! };
}

/** `box` moved so that it lies within `whole`. */
export function within(box: Box, whole: Box): Box {
  const between = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), Math.max(low, high));
  return {
    ...box,
    x: between(box.x, whole.x, whole.x + whole.width - box.width),
    y: between(box.y, whole.y, whole.y + whole.height - box.height),
  };
}

/** The rectangle of whole pixels between two places of the image. */
export function between(first: { x: number; y: number }, second: { x: number; y: number }, whole: Box): Box {
  const clip = (value: number, most: number): number => Math.min(Math.max(Math.round(value), 0), most);
  const [left, right] = [first.x, second.x].map((x) => clip(x, whole.width)).sort((a, b) => a - b) as [number, number];
  const [top, bottom] = [first.y, second.y].map((y) => clip(y, whole.height)).sort((a, b) => a - b) as [number, number];
  return { x: left, y: top, width: right - left, height: bottom - top };
}
