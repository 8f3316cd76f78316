/** Arrays as numpy writes them into files (format 1.0 to 3.0), of the types that pages compute with. */

export type Numbers = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

export interface NdArray {
  /** Row-major. */
  readonly data: Numbers;
  readonly shape: readonly number[];
}

const TYPES: Record<string, { new (buffer: ArrayBuffer, offset?: number): Numbers; readonly BYTES_PER_ELEMENT: number }> = {
  "|u1": Uint8Array,
  "|i1": Int8Array,
  "<u2": Uint16Array,
  "<i2": Int16Array,
  "<u4": Uint32Array,
  "<i4": Int32Array,
  "<f4": Float32Array,
  "<f8": Float64Array,
};

/** Raises an Error for what is no such file. */
export function readNpy(file: ArrayBuffer): NdArray {
  const bytes = new Uint8Array(file);
  if (bytes.length < 10 || String.fromCharCode(...bytes.subarray(1, 6)) !== "NUMPY") throw new Error("This is no array of numpy.");
  const view = new DataView(file);
  const wide = bytes[6]! > 1;
  const begin = wide ? 12 : 10;
  const end = begin + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  const head = new TextDecoder().decode(bytes.subarray(begin, end));
  const type = /'descr':\s*'([^']+)'/.exec(head)?.[1] ?? "";
  const Type = TYPES[type];
  if (!Type || /'fortran_order':\s*True/.test(head)) throw new Error(`Arrays of ${type || "this kind"} cannot be shown.`);
  const shape = [...(/'shape':\s*\(([^)]*)\)/.exec(head)?.[1] ?? "").matchAll(/\d+/g)].map(Number);
  // numpy puts elements where they can be read in place.
  const data = end % Type.BYTES_PER_ELEMENT ? new Type(file.slice(end)) : new Type(file, end);
  if (data.length !== shape.reduce((product, length) => product * length, 1)) throw new Error("The array is not whole.");
  return { data, shape };
}
