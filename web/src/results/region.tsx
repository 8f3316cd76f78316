/** What was marked on a plot, and the parameters that it can become; those that there are can be shown on the plot, too. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Described, Epochs } from "../api/answers";
import { get, post } from "../api/client";
import { useWatched, watchPath } from "../api/watch";
import { figure } from "../plots/figure";
import type { Box } from "../plots/view";
import { Problem } from "../ui/parts";
import { rangesOf, rectanglesOf, regionOf, valuesOf } from "./regions";

const described = watchPath<Described[]>("parameters", 5000);

interface RegionProps {
  /** A rectangle of an image, or a range of an axis. */
  readonly kind: "rectangle" | "range";
  readonly region: Box | undefined;
  readonly onRegion: (region: Box | undefined) => void;
  readonly marks: boolean;
  readonly onMarks: (marks: boolean) => void;
}

export function Region(props: RegionProps): JSX.Element {
  const { kind, region, onRegion } = props;
  const parameters = useWatched(described);
  const [error, setError] = useState<Error>();
  const [done, setDone] = useState<string>();
  useEffect(() => setDone(undefined), [region]);
  const isRectangle = kind === "rectangle";
  const sets = (isRectangle ? rectanglesOf : rangesOf)(parameters ?? []);
  function show(name: string): void {
    const set = sets.find((one) => one.name === name);
    if (!set) return;
    get<Epochs>("epochs").then(({ values }) => {
      const found = regionOf(set, values);
      setError(found ? undefined : new Error(`${name || "The region"} is empty now.`));
      if (found) onRegion(found);
    }, setError);
  }
  function write(name: string): void {
    const set = sets.find((one) => one.name === name)!;
    post("parameters", valuesOf(set, region!)).then(() => {
      setError(undefined);
      setDone(name);
    }, setError);
  }
  return (
    <div class="filters region">
      <label title="By mouse also with Shift held down">
        <input type="checkbox" checked={props.marks} onChange={(event) => props.onMarks(event.currentTarget.checked)} /> mark a {kind}
      </label>
      {sets.map(({ name }) => (
        <button type="button" key={`show ${name}`} onClick={() => show(name)}>
          show {name || "the region"}
        </button>
      ))}
      {region ? (
        <>
          <span class="marked">
            {isRectangle
              ? `columns ${figure(region.x)} to ${figure(region.x + region.width)}, rows ${figure(region.y)} to ${figure(region.y + region.height)}`
              : `${figure(region.x)} to ${figure(region.x + region.width)}`}
          </span>
          {sets.map(({ name }) => (
            <button type="button" key={`set ${name}`} onClick={() => write(name)}>
              {done === name ? `${name || "region"} is set` : `set ${name || "the region"}`}
            </button>
          ))}
          <button type="button" onClick={() => onRegion(undefined)}>
            forget it
          </button>
        </>
      ) : null}
      {region && parameters && !sets.length ? (
        <span class="faint">
          {isRectangle
            ? "No four parameters are named like a rectangle (roi_x, roi_y, roi_width, roi_height)."
            : "No two parameters are named like a range (line_low, line_high)."}
        </span>
      ) : null}
      <Problem error={error} />
    </div>
  );
}
