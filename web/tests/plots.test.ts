import { describe, expect, it } from "vitest";
import { MAPS, palette } from "../src/plots/colours";
import { autoLevels, colour, colourRgb, usable } from "../src/plots/levels";
import { readNpy } from "../src/plots/npy";
import { withoutPlace } from "../src/plots/scatter";

function npy(descr: string, shape: string, data: ArrayBufferView, version = 1): ArrayBuffer {
  const head = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(118 - (version > 1 ? 2 : 0)) + "\n";
  const lead = version > 1 ? 12 : 10;
  const file = new Uint8Array(lead + head.length + data.byteLength);
  file.set([0x93, ...new TextEncoder().encode("NUMPY"), version, 0]);
  const view = new DataView(file.buffer);
  if (version > 1) view.setUint32(8, head.length, true);
  else view.setUint16(8, head.length, true);
  file.set(new TextEncoder().encode(head), lead);
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), lead + head.length);
  return file.buffer;
}

describe("arrays of numpy", () => {
  it("are read with their shape and type", () => {
    for (const version of [1, 2]) {
      const read = readNpy(npy("<f8", "2, 3", new Float64Array([1, 2, 3, 4, 5, 6.5]), version));
      expect([read.shape, [...read.data]]).toEqual([[2, 3], [1, 2, 3, 4, 5, 6.5]]);
    }
    expect(readNpy(npy("|u1", "4,", new Uint8Array([1, 2, 3, 4]))).shape).toEqual([4]);
    expect([...readNpy(npy("<i2", "", new Int16Array([-5]))).data]).toEqual([-5]);
  });
  it("are refused in words where they cannot be", () => {
    expect(() => readNpy(new ArrayBuffer(3))).toThrow("no array of numpy");
    expect(() => readNpy(npy("<c16", "1,", new Float64Array(2)))).toThrow("<c16 cannot be shown");
    expect(() => readNpy(npy("<f8", "3,", new Float64Array(2)))).toThrow("not whole");
  });
});

describe("levels", () => {
  it("do not spread what differs by rounding alone", () => {
    const { low, high } = autoLevels(Float64Array.of(1, 1 - 2 ** -53, 1 + 2 ** -52), false);
    expect(high - low).toBeGreaterThan(0.5);
    expect(autoLevels(Float64Array.of(-1.7e308, 1.7e308), false)).toEqual({ low: -1.7e308, high: 1.7e308 });
  });
  it("leave out single bright pixels", () => {
    const image = new Float32Array(10_000).map((_, index) => index % 100);
    image[77] = 1e9;
    const { low, high } = autoLevels(image, false);
    expect([low, high]).toEqual([0, 99]);
  });
  it("are never empty, also where all is the same, or nothing is a number", () => {
    expect(autoLevels(new Float32Array(10).fill(5), false)).toEqual({ low: 5, high: 10 });
    expect(autoLevels(new Float32Array(10), false)).toEqual({ low: 0, high: 1 });
    expect(autoLevels(new Float32Array(10).fill(NaN), false)).toEqual({ low: 0, high: 1 });
    expect(autoLevels(new Float32Array(10), true)).toEqual({ low: 1, high: 10 });
  });
  it("are finite for the largest numbers, and above 0 for the logarithm", () => {
    expect(autoLevels(new Float64Array([1.7e308, 1.7e308]), false)).toEqual({ low: 0.85e308, high: 1.7e308 });
    expect(autoLevels(new Float64Array([-1.7e308, 1.7e308]), false)).toEqual({ low: -1.7e308, high: 1.7e308 });
    expect(usable({ low: 0, high: 100 }, true)).toEqual({ low: 1e-4, high: 100 });
    expect(usable({ low: -5, high: -1 }, true)).toEqual({ low: 1e-5, high: 10 });
    expect(usable({ low: -5, high: -1 }, false)).toEqual({ low: -5, high: -1 });
  });
  it("do not depend on single columns", () => {
    const image = new Float32Array(400 * 1000).map((_, index) => (index % 20 === 0 ? 50 : 5));
    expect(autoLevels(image, false)).toEqual({ low: 5, high: 50 });
  });
  it("show sparse images: the few pixels that are not zero", () => {
    const image = new Float32Array(10_000);
    image[3] = 7;
    expect(autoLevels(image, false)).toEqual({ low: 0, high: 7 });
  });
});

describe("colours", () => {
  it("go from the first to the last of the map, and leave out what is no number", () => {
    const colours = palette("grey");
    const out = new Uint32Array(6);
    colour(new Float32Array([-1, 0, 5, 10, 99, NaN]), { low: 0, high: 10 }, false, colours, out);
    expect([...out].map((one) => (one >>> 24 ? one & 255 : -1))).toEqual([0, 0, 127, 255, 255, -1]);
  });
  it("are by the logarithm where that is wanted, without what has none", () => {
    const out = new Uint32Array(5);
    colour(new Float64Array([1, 10, 100, 0, -3]), { low: 1, high: 100 }, true, palette("grey"), out);
    expect([...out].map((one) => (one >>> 24 ? one & 255 : -1))).toEqual([0, 127, 255, -1, -1]);
  });
  it("are there for infinity and for the largest ranges", () => {
    const out = new Uint32Array(4);
    const shades = (): number[] => [...out].map((one) => (one >>> 24 ? one & 255 : -1));
    colour(new Float64Array([-Infinity, Infinity, NaN, 0]), { low: -1.7e308, high: 1.7e308 }, false, palette("grey"), out);
    expect(shades()).toEqual([0, 255, -1, 127]);
  });
  it("of many small integers are those of each", () => {
    const data = new Uint16Array(70_000).map((_, index) => index % 1000);
    const out = new Uint32Array(70_000);
    colour(data, { low: 0, high: 999 }, false, palette("grey"), out);
    const few = new Uint32Array(1000);
    colour(data.subarray(0, 1000), { low: 0, high: 999 }, false, palette("grey"), few);
    expect(out.subarray(0, 1000)).toEqual(few);
  });
  it("are those of the data where it has red, green and blue", () => {
    const out = new Uint32Array(2);
    colourRgb(new Uint8Array([1, 2, 3, 255, 0, 128]), 3, out);
    expect([...out].map((one) => one.toString(16))).toEqual(["ff030201", "ff8000ff"]);
    colourRgb(new Float32Array([0, 0.5, 1, 0, 2, NaN, -1, 1]), 4, out);
    expect([...out].map((one) => one.toString(16))).toEqual(["ff8000", "ff0000ff"]);
  });
  it("of all maps are opaque, and get lighter", () => {
    for (const name of MAPS) {
      const colours = palette(name);
      const light = (one: number): number => 0.3 * (one & 255) + 0.6 * ((one >> 8) & 255) + 0.1 * ((one >> 16) & 255);
      expect(colours.every((one) => one >>> 24 === 255)).toBe(true);
      for (let index = 16; index < 256; index += 16) expect(light(colours[index]!)).toBeGreaterThan(light(colours[index - 16]!));
    }
  });
});

describe("points without a place", () => {
  it("are counted, so that it is said that they are left out", () => {
    expect(withoutPlace(Float64Array.of(0, NaN, 2, 3), Float64Array.of(0, 1, Infinity, 3))).toBe(2);
  });
});
