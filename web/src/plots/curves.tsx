/**
 * Curves over one axis, drawn by uPlot: dragging zooms (or marks a range, where that is chosen), a double click shows all, the legend tells the
 * values under the cursor. By keyboard: + and - zoom, the arrows move, 0 shows all. Curves differ in colour and in dashes.
 */
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useDark } from "../ui/dark";
import { CURVES, CURVES_IN_THE_DARK } from "./colours";
import { columnsOf, type Column } from "./columns";
import { figureTo } from "./figure";
import type { Numbers } from "./npy";
import { useSize } from "./size";
import { digitsBetween, tickTexts } from "./ticks";
import { unit } from "../ui/unit";

export interface Curve extends Column {
  readonly label: string;
}

/** Part of the x axis, and of the y axis where that is chosen too. */
export interface Range {
  readonly from: number;
  readonly to: number;
  readonly bottom?: number | undefined;
  readonly top?: number | undefined;
}

export interface CurvesProps {
  /** Without it elements are counted from 0. */
  readonly x: Numbers | undefined;
  /** x has the edges of steps. */
  readonly edges?: boolean | undefined;
  /** x is the time since 1970, in s. */
  readonly time?: boolean | undefined;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly curves: readonly Curve[];
  readonly log: boolean;
  /** Dragging marks a range, and does not zoom. */
  readonly marks?: boolean | undefined;
  readonly region?: Range | undefined;
  readonly onRegion?: ((region: Range) => void) | undefined;
  /** What is seen, where somebody else keeps it. */
  readonly seen?: Range | undefined;
  readonly onSeen?: ((seen: Range | undefined) => void) | undefined;
}

interface Kept extends CurvesProps {
  readonly onSeen: (seen: Range | undefined) => void;
}

/** By how much each key changes the width of what is seen, and moves it, in widths. */
const KEYS: Record<string, { readonly wide: number; readonly step: number }> = {
  "+": { wide: 0.8, step: 0 },
  "-": { wide: 1.25, step: 0 },
  "0": { wide: Infinity, step: 0 },
  ArrowLeft: { wide: 1, step: -0.1 },
  ArrowRight: { wide: 1, step: 0.1 },
};

const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [14, 4], [4, 4]];
const FEW = 60;
/** Steps between elements that are only counted. */
const WHOLE = Array.from({ length: 27 }, (_, index) => [1, 2, 5][index % 3]! * 10 ** Math.floor(index / 3));

/** A range around a single point. */
function around(place: number): [number, number] {
  const room = Math.abs(place) / 10 || 1;
  return [place - room, place + room];
}

/** A value with as many digits as are told apart in what is seen. */
function text(one: uPlot, scale: "x" | "y", value: number | null | undefined): string {
  const { min, max } = one.scales[scale] ?? {};
  return figureTo(value, digitsBetween(min ?? NaN, max ?? NaN));
}

/** uPlot leaves out some ticks of a logarithmic axis. */
function textsOf(splits: readonly (number | null)[]): string[] {
  const texts = tickTexts(splits.filter((one) => one !== null));
  return splits.map((one) => (one === null ? "" : texts.shift()!));
}

function seriesOf(props: CurvesProps, colours: readonly string[]): { series: uPlot.Series[]; bands: uPlot.Band[] } {
  const named: uPlot.Series = { label: props.xLabel };
  if (!props.time) named.value = (one, value) => text(one, "x", value as number | null);
  const series: uPlot.Series[] = [named];
  const bands: uPlot.Band[] = [];
  const steps = props.edges && uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {};
  props.curves.forEach((curve, index) => {
    const stroke = colours[index % colours.length]!;
    const dash = DASHES[index % DASHES.length]!;
    const value = (plot: uPlot, one: number | null): string => text(plot, "y", one);
    series.push({ label: curve.label, stroke, width: 1.5 * unit(), dash, value, points: { show: !props.edges && curve.values.length < FEW }, ...steps });
    if (curve.errors) {
      const place = series.length;
      for (const edge of ["+", "-"]) {
        series.push({ label: `${curve.label} ${edge} error`, stroke: `${stroke}55`, width: 1, value, points: { show: false }, class: "edge", ...steps });
      }
      bands.push({ series: [place, place + 1], fill: `${stroke}33` });
    }
  });
  return { series, bands };
}

function optionsOf(props: CurvesProps, hooks: uPlot.Hooks.Arrays, width: number, height: number, ink: string, line: string, colours: readonly string[]): uPlot.Options {
  const by = unit();
  const font = `${12 * by}px system-ui, sans-serif`;
  const axis = { stroke: ink, font, labelFont: `600 ${font}`, labelSize: 30 * by, size: 50 * by, space: 60 * by, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const numbers = { values: (_: uPlot, splits: (number | null)[]) => textsOf(splits) };
  const widest = (_: uPlot, values: string[] | null): number => by * (24 + 7 * Math.max(3, ...(values ?? []).map((one) => one.length)));
  return {
    width,
    height,
    scales: { x: { time: props.time === true, range: (one, low, high) => (one.data[0].length === 1 ? around(one.data[0][0]!) : low === high ? around(low) : [low, high]) }, y: { distr: props.log ? 3 : 1 } },
    axes: [{ ...axis, ...(props.time ? {} : numbers), ...(props.x ? {} : { incrs: WHOLE }), label: props.xLabel }, { ...axis, ...numbers, label: props.yLabel, size: widest, space: 30 * by }],
    ...seriesOf(props, colours),
    cursor: { drag: { x: true, y: !props.marks, uni: 20, setScale: false }, bind: { dblclick: () => null } },
    hooks,
  };
}

export function Curves(given: CurvesProps): JSX.Element {
  const [own, setOwn] = useState<Range>();
  const props: Kept = { ...given, seen: given.onSeen ? given.seen : own, onSeen: given.onSeen ?? setOwn };
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const { width } = useSize(box);
  const dark = useDark();
  const drawn = useMemo(
    () => columnsOf(props.x, props.curves, props.log, props.edges),
    [props.x, props.log, props.edges, ...props.curves.flatMap((one) => [one.values, one.errors])],
  );
  const data = [drawn.x, ...drawn.y] as uPlot.AlignedData;
  const few = props.curves.map((one) => [one.label, Boolean(one.errors), one.values.length < FEW]);
  const shape = JSON.stringify([props.xLabel, props.yLabel, props.log, props.edges, props.time, props.marks, few]);

  function fit(one: uPlot): void {
    const seen = latest.current.seen;
    one.batch(() => {
      if (!seen) return one.setData(one.data, true);
      one.setScale("x", { min: seen.from, max: seen.to });
      if (seen.bottom !== undefined && seen.top !== undefined) one.setScale("y", { min: seen.bottom, max: seen.top });
    });
  }
  function onSelect(one: uPlot): void {
    const { left, top, width: wide, height: high } = one.select;
    if (wide < 3 && high < 3) return;
    const at = (place: number): number => one.posToVal(place, "x");
    const range = wide >= 3 ? { from: at(left), to: at(left + wide) } : { from: one.scales["x"]!.min!, to: one.scales["x"]!.max! };
    one.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (latest.current.marks) return latest.current.onRegion?.(range);
    // A choice over the whole height is one of x alone.
    const whole = high >= one.over.clientHeight - 1;
    latest.current.onSeen(whole ? range : { ...range, bottom: one.posToVal(top + high, "y"), top: one.posToVal(top, "y") });
  }
  function onKey(event: KeyboardEvent): void {
    const { min, max } = plot.current?.scales["x"] ?? {};
    const [low, high] = [drawn.x[0], drawn.x.at(-1)];
    if (event.ctrlKey || event.metaKey || event.altKey || min == null || max == null || low === undefined || high === undefined) return;
    const { wide, step } = KEYS[event.key] ?? {};
    if (wide === undefined || step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const width = Math.min((max - min) * wide, high - low);
    const from = Math.min(Math.max((min + max - width) / 2 + step * (max - min), low), high - width);
    props.onSeen(width < high - low ? { ...props.seen, from, to: from + width } : undefined);
  }
  function shade(one: uPlot): void {
    const region = latest.current.region;
    if (!region) return;
    const [from, to] = [region.from, region.to].map((value) => one.valToPos(value, "x", true)) as [number, number];
    one.ctx.save();
    one.ctx.fillStyle = "#8886";
    one.ctx.fillRect(from, one.bbox.top, to - from, one.bbox.height);
    one.ctx.strokeStyle = getComputedStyle(one.root).color;
    one.ctx.strokeRect(from, one.bbox.top, to - from, one.bbox.height);
    one.ctx.restore();
  }

  useEffect(() => {
    if (!box.current || width < 50) return;
    const style = getComputedStyle(box.current);
    // As tall as leaves what stands above a plot, and its legend, in sight.
    const height = Math.max(220, Math.min(innerHeight - 390 * unit(), width * 0.55));
    const options = optionsOf(props, { setSelect: [onSelect], draw: [shade] }, width, height, style.color, style.getPropertyValue("--line-shown") || "#8884", dark ? CURVES_IN_THE_DARK : CURVES);
    plot.current = new uPlot(options, data, box.current);
    fit(plot.current);
    return () => {
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [shape, width, dark]);
  useEffect(() => {
    const one = plot.current;
    if (!one) return;
    one.setData(data, !latest.current.seen);
    if (latest.current.seen) fit(one);
  }, [drawn]);
  useEffect(() => {
    if (plot.current) fit(plot.current);
  }, [props.seen?.from, props.seen?.to, props.seen?.bottom, props.seen?.top]);
  useEffect(() => plot.current?.redraw(false), [props.region]);

  const said = [
    drawn.sorted ? "The points are drawn in the order of their places." : "",
    drawn.placeless ? `${drawn.placeless} points have no place on the axis and are left out.` : "",
  ].filter(Boolean);
  return (
    <>
      <div class="curves" ref={box} tabIndex={0} role="group" aria-label={props.yLabel || "curves"} onKeyDown={onKey} onDblClick={() => props.onSeen(undefined)} />
      {said.length ? <p class="faint">{said.join(" ")}</p> : null}
    </>
  );
}
