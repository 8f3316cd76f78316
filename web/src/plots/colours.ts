/** Colour maps: perceptually even, and legible for people with colour-blindness. */

/** 256 colours as 32-bit numbers in the order of ImageData on little-endian machines (ABGR). */
export type Palette = Uint32Array;

// Every 16th colour of the maps of matplotlib (CC0), between which colours are mixed.
const STOPS: Record<string, string> = {
  viridis: "440154 481a6c 472f7d 414487 39568c 31688e 2a788e 23888e 1f988b 22a884 35b779 54c568 7ad151 a5db36 d2e21b fde725",
  cividis: "00224e 00306f 123570 2a3f6d 3b496c 4a536b 575d6d 636770 707173 7d7b78 8b8677 9a9176 aa9c71 bba86a cdb55f e0c24f fee838",
  inferno: "000004 0c0926 240c4f 410a68 5d126e 781c6d 932667 ae305c c73e4c dc5039 ed6925 f78410 fca109 f9c228 f2e661 fcffa4",
  grey: "000000 ffffff",
};

export const MAPS = Object.keys(STOPS);

const made = new Map<string, Palette>();

/** The palette of that name; viridis for a name that is not there. */
export function palette(name: string): Palette {
  const known = made.get(name);
  if (known) return known;
  const stops = (STOPS[name] ?? STOPS["viridis"]!).split(" ").map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const colours = new Uint32Array(256);
  for (let index = 0; index < 256; index++) {
    const place = (index / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    const part = place - low;
    const [red, green, blue] = [0, 1, 2].map((band) => Math.round(stops[low]![band]! * (1 - part) + stops[low + 1]![band]! * part));
    colours[index] = (255 << 24) | (blue! << 16) | (green! << 8) | red!;
  }
  made.set(name, colours);
  return colours;
}

/** Colours of curves, after Okabe and Ito. */
export const CURVES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
/** The same on dark paper, where blue and green have to be brighter. */
export const CURVES_IN_THE_DARK = ["#56b4e9", "#e69f00", "#2fc79c", "#f0a3cf", "#ff8a4c", "#8fb3ff"];
