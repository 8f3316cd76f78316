/** A rectangle that was marked on an image, and the parameters that it can become: those whose names end as its edges do. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get, post } from "../api/client";
import type { Box } from "../plots/view";
import { Problem } from "../ui/parts";

interface Described {
  readonly name: string;
  readonly dtype: string;
}

const EDGES: Record<string, (region: Box) => number> = {
  x: (region) => region.x,
  y: (region) => region.y,
  width: (region) => region.width,
  height: (region) => region.height,
  left: (region) => region.x,
  top: (region) => region.y,
  right: (region) => region.x + region.width,
  bottom: (region) => region.y + region.height,
};
const ENDING = /^(.*?)_?(x|y|width|height|left|top|right|bottom)$/;

/** Sets of integer parameters that say where a rectangle is: by what their names begin with ("roi" of roi_x, roi_y, roi_width, roi_height). */
export function regionsOf(described: readonly Described[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { name, dtype } of described) {
    const match = dtype === "int" || dtype === "float" ? ENDING.exec(name) : null;
    if (match) found.set(match[1]!, [...(found.get(match[1]!) ?? []), name]);
  }
  return new Map([...found].filter(([, names]) => names.length === 4));
}

/** The values of these parameters for a rectangle. */
export function valuesOf(names: readonly string[], region: Box): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, EDGES[ENDING.exec(name)![2]!]!(region)]));
}

export function Region(props: { region: Box | undefined; onClear: () => void }): JSX.Element | null {
  const { region, onClear } = props;
  const [sets, setSets] = useState<Map<string, string[]>>();
  const [error, setError] = useState<Error>();
  const [done, setDone] = useState<string>();
  useEffect(() => {
    setDone(undefined);
    if (!region) return;
    get<Described[]>("parameters").then((all) => setSets(regionsOf(all)), setError);
  }, [region]);
  if (!region) return null;
  function write(name: string, names: readonly string[]): void {
    post("parameters", valuesOf(names, region!)).then(() => {
      setError(undefined);
      setDone(name);
    }, setError);
  }
  return (
    <div class="filters">
      <span>
        columns {region.x} to {region.x + region.width}, rows {region.y} to {region.y + region.height}
      </span>
      {[...(sets ?? [])].map(([name, names]) => (
        <button type="button" key={name} onClick={() => write(name, names)}>
          {done === name ? `${name || "region"} is set` : `set ${name || "the region"}`}
        </button>
      ))}
      {sets?.size === 0 ? <span class="faint">No four parameters are named like a rectangle (roi_x, roi_y, roi_width, roi_height).</span> : null}
      <button type="button" onClick={onClear}>
        forget it
      </button>
      <Problem error={error} />
    </div>
  );
}
