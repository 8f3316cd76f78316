/** Values at scattered places: points coloured by value, as large as leaves no gaps. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { STRAIGHT } from "./along";
import { palette } from "./colours";
import { figure } from "./figure";
import { colour, type Levels } from "./levels";
import type { Numbers } from "./npy";
import { Pane, type PaneProps } from "./pane";
import { toPage, type Box, type Frame } from "./view";

export interface ScatterProps extends Omit<PaneProps, "paint" | "painted" | "says" | "least" | "whole" | "x" | "y" | "onRegion"> {
  readonly xs: Numbers;
  readonly ys: Numbers;
  readonly values: Numbers;
  readonly levels: Levels;
  readonly log: boolean;
  readonly map: string;
  readonly units: string;
}

/** The rectangle that all points lie in, with room around; of finite places alone. */
export function extent(xs: Numbers, ys: Numbers): Box {
  const [left, right] = limits(xs);
  const [bottom, top] = limits(ys);
  const [across, up] = [0.03 * (right - left), 0.03 * (top - bottom)];
  return { x: left - across, y: bottom - up, width: right - left + 2 * across, height: top - bottom + 2 * up };
}

/** How many points have no place. */
export function withoutPlace(xs: Numbers, ys: Numbers): number {
  let count = 0;
  for (let index = 0; index < Math.min(xs.length, ys.length); index++) if (!Number.isFinite(xs[index]) || !Number.isFinite(ys[index])) count++;
  return count;
}

function limits(values: Numbers): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low < high) return [low, high];
  return Number.isFinite(low) ? [low - (Math.abs(low) / 2 || 0.5), low + (Math.abs(low) / 2 || 0.5)] : [0, 1];
}

export function Scatter(props: ScatterProps): JSX.Element {
  const { xs, ys, values, levels, log, map } = props;
  const count = Math.min(xs.length, ys.length, values.length);
  const whole = useMemo(() => extent(xs, ys), [xs, ys]);
  const colours = useMemo(() => {
    const made = new Uint32Array(values.length);
    colour(values, levels, log, palette(map), made);
    return made;
  }, [values, levels.low, levels.high, log, map]);

  function radiusIn({ seen, shown }: Frame): number {
    const area = (whole.width / seen.width) * shown.width * (whole.height / seen.height) * shown.height;
    return Math.min(10, Math.max(1.5, 0.5 * Math.sqrt(area / Math.max(count, 1))));
  }

  function paint(pen: CanvasRenderingContext2D, frame: Frame): void {
    const radius = radiusIn(frame);
    for (let index = 0; index < count; index++) {
      const one = colours[index]!;
      if (!(one >>> 24)) continue;
      const { x, y } = toPage(frame.seen, frame.shown, xs[index]!, ys[index]!, frame.up);
      pen.fillStyle = `rgb(${one & 255} ${(one >> 8) & 255} ${(one >> 16) & 255})`;
      pen.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    }
  }

  function says(place: { x: number; y: number } | undefined, frame: Frame): string {
    if (!place) return " ";
    const cursor = toPage(frame.seen, frame.shown, place.x, place.y, frame.up);
    let [nearest, least] = [-1, (2 * radiusIn(frame)) ** 2];
    for (let index = 0; index < count; index++) {
      const { x, y } = toPage(frame.seen, frame.shown, xs[index]!, ys[index]!, frame.up);
      const distance = (x - cursor.x) ** 2 + (y - cursor.y) ** 2;
      if (distance < least) [nearest, least] = [index, distance];
    }
    if (nearest < 0) return " ";
    return `x ${figure(xs[nearest])}, y ${figure(ys[nearest])}: ${figure(values[nearest])}${props.units ? ` ${props.units}` : ""}`;
  }

  const least = Math.min(whole.width, whole.height) / 1e4;
  return <Pane {...props} whole={whole} least={least} x={STRAIGHT} y={STRAIGHT} paint={paint} painted={[colours, xs, ys]} says={says} />;
}
