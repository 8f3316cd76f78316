/** Which part of an image is seen: a rectangle in pixels of the image, shown in a rectangle of the page with square or free pixels. */

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The part of the page in which `seen` is drawn: all of it, or as much as keeps pixels square, centred. */
export function place(seen: Box, width: number, height: number, square: boolean): Box {
  if (!square) return { x: 0, y: 0, width, height };
  const scale = Math.min(width / seen.width, height / seen.height);
  const [wide, high] = [seen.width * scale, seen.height * scale];
  return { x: (width - wide) / 2, y: (height - high) / 2, width: wide, height: high };
}

/** The place in the image that is shown at a place of the page. */
export function toImage(seen: Box, shown: Box, x: number, y: number): { x: number; y: number } {
  return { x: seen.x + ((x - shown.x) / shown.width) * seen.width, y: seen.y + ((y - shown.y) / shown.height) * seen.height };
}

/** The place of the page at which a place of the image is shown. */
export function toPage(seen: Box, shown: Box, x: number, y: number): { x: number; y: number } {
  return { x: shown.x + ((x - seen.x) / seen.width) * shown.width, y: shown.y + ((y - seen.y) / seen.height) * shown.height };
}

/** `seen` made larger (`factor` above 1) or smaller around a place of the image that stays where it is. */
export function zoomed(seen: Box, factor: number, x: number, y: number, whole: Box): Box {
  const least = 4;
  const width = Math.min(whole.width, Math.max(least, seen.width * factor));
  const height = Math.min(whole.height, Math.max(least, seen.height * factor));
  return within({ x: x - ((x - seen.x) / seen.width) * width, y: y - ((y - seen.y) / seen.height) * height, width, height }, whole);
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
