/** Pieces that the plots of results share. */
import type { JSX } from "preact";
import type { Numbers } from "../plots/npy";
import { Empty, Problem } from "../ui/parts";
import { choice } from "./choices";
import type { Plan, Series } from "./plan";

export type Of<Kind extends Plan["kind"]> = Extract<Plan, { kind: Kind }>;

export function Waiting(props: { error: Error | undefined }): JSX.Element {
  return props.error ? <Problem error={props.error} /> : <Empty>Asking for it…</Empty>;
}

/** What is stored as it is meant: multiplied, and with its offset, where NXdata gives these. */
export function scaled(data: Numbers, series: Series): Numbers {
  const { factor = 1, offset = 0 } = series;
  return factor === 1 && offset === 0 ? data : Float64Array.from(data, (value) => value * factor + offset);
}

/** Whether not one is a number. */
export function allMissing(data: Numbers): boolean {
  return (data instanceof Float32Array || data instanceof Float64Array) && data.every(Number.isNaN);
}

/** What of complex numbers is shown. */
export function Parts(): JSX.Element {
  const [part, setPart] = choice("part");
  return (
    <label>
      of it{" "}
      <select value={part ?? "abs"} onChange={(event) => setPart(event.currentTarget.value)}>
        <option value="abs">the magnitude</option>
        <option value="phase">the phase (rad)</option>
        <option value="real">the real part</option>
        <option value="imag">the imaginary part</option>
      </select>
    </label>
  );
}
