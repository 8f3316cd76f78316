import { describe, expect, it } from "vitest";
import page from "../src/style.css?raw";
import bars from "../src/streams/streams.css?raw";
import { STAGES } from "../src/streams/work";

type Rgb = readonly [number, number, number];
type Matrix = readonly [Rgb, Rgb, Rgb];

/** What is seen without one kind of cones, of linear RGB: Machado, Oliveira and Fernandes 2009, severity 1. */
const SIGHTS: Record<string, Matrix> = {
  all: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}; // prettier-ignore
/** sRGB to XYZ, each over that of white (IEC 61966-2-1, D65). */
const XYZ: Matrix = [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8727]]; // prettier-ignore

function times(matrix: Matrix, of: Rgb): Rgb {
  return matrix.map((row) => row[0] * of[0] + row[1] * of[1] + row[2] * of[2]) as unknown as Rgb;
}

/** CIE L*a*b* of "#rrggbb", as it is seen. */
function lab(colour: string, sight: Matrix): Rgb {
  const linear = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
  const seen = times(sight, linear as unknown as Rgb).map((one) => Math.min(1, Math.max(0, one)));
  const [x, y, z] = times(XYZ, seen as unknown as Rgb).map((one) => (one > 0.008856 ? Math.cbrt(one) : 7.787 * one + 16 / 116)) as unknown as Rgb;
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** That of a variable of a style sheet, on a light or a dark page. */
function colourOf(name: string, dark: boolean): string {
  const found = new RegExp(`--${name}: (?:light-dark\\((#\\w{6}), (#\\w{6})\\)|(#\\w{6}))`).exec(bars + page);
  if (!found) throw new Error(`there is no colour --${name}`);
  return found[3] ?? found[dark ? 2 : 1]!;
}

describe("the colours of where time goes", () => {
  it.each(Object.keys(SIGHTS))("are told apart by %s", (sight) => {
    for (const dark of [false, true]) {
      const seen = STAGES.map(([name]) => [name, lab(colourOf(name === "waiting" ? "track" : name, dark), SIGHTS[sight]!)] as const);
      for (const [index, [one, first]] of seen.entries()) {
        for (const [other, second] of seen.slice(index + 1)) {
          expect(Math.hypot(...first.map((value, place) => value - second[place]!)), `${one} and ${other}, ${dark ? "dark" : "light"}`).toBeGreaterThan(25);
        }
      }
    }
  });
});
