/** Curves over one axis, drawn by uPlot: dragging zooms, a double click shows all, the legend tells the values under the cursor. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { CURVES } from "./colours";
import type { Numbers } from "./npy";
import { useSize } from "./size";

export interface Curve {
  readonly label: string;
  readonly values: Numbers;
  readonly errors?: Numbers | undefined;
}

export interface CurvesProps {
  /** Ascending; without it elements are counted from 0. */
  readonly x: Numbers | undefined;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly curves: readonly Curve[];
  readonly log: boolean;
}

function band(curve: Curve, sign: number): number[] {
  return Array.from(curve.values, (value, index) => value + sign * (curve.errors![index] ?? 0));
}

function columnsOf(props: CurvesProps): uPlot.AlignedData {
  const length = props.curves[0]?.values.length ?? 0;
  const x = props.x?.length === length ? Array.from(props.x) : Array.from({ length }, (_, index) => index);
  const clean = (values: ArrayLike<number>): (number | null)[] =>
    Array.from(values, (value) => (Number.isFinite(value) && (!props.log || value > 0) ? value : null));
  const columns = props.curves.flatMap((curve) => [
    clean(curve.values),
    ...(curve.errors ? [clean(band(curve, 1)), clean(band(curve, -1))] : []),
  ]);
  return [x, ...columns] as uPlot.AlignedData;
}

function optionsOf(props: CurvesProps, width: number, height: number, ink: string, line: string): uPlot.Options {
  const series: uPlot.Series[] = [{ label: props.xLabel }];
  const bands: uPlot.Band[] = [];
  props.curves.forEach((curve, index) => {
    const stroke = CURVES[index % CURVES.length]!;
    series.push({ label: curve.label, stroke, width: 1.5, points: { show: curve.values.length < 60 } });
    if (curve.errors) {
      const place = series.length;
      for (const edge of ["+", "-"]) series.push({ label: `${curve.label} ${edge} error`, stroke: `${stroke}55`, width: 1, points: { show: false }, class: "edge" });
      bands.push({ series: [place, place + 1], fill: `${stroke}22` });
    }
  });
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  return {
    width,
    height,
    scales: { x: { time: false }, y: { distr: props.log ? 3 : 1 } },
    axes: [{ ...axis, label: props.xLabel }, { ...axis, label: props.yLabel, size: 70 }],
    series,
    bands,
    cursor: { drag: { x: true, y: true, uni: 20 } },
  };
}

export function Curves(props: CurvesProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const { width } = useSize(box);
  const shape = JSON.stringify([props.xLabel, props.yLabel, props.log, props.curves.map((one) => [one.label, Boolean(one.errors), one.values.length < 60])]);
  useEffect(() => {
    if (!box.current || width < 50) return;
    const style = getComputedStyle(box.current);
    const height = Math.max(220, Math.min(480, width * 0.55));
    const options = optionsOf(props, width, height, style.color, style.getPropertyValue("--line-shown") || "#8884");
    plot.current = new uPlot(options, columnsOf(props), box.current);
    return () => {
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [shape, width]);
  useEffect(() => {
    const drawn = plot.current;
    if (!drawn) return;
    const { min, max } = drawn.scales["x"]!;
    const [first, last] = [drawn.data[0][0], drawn.data[0].at(-1)];
    const zoomedIn = min !== first || max !== last;
    drawn.setData(columnsOf(props), !zoomedIn);
    if (zoomedIn) drawn.redraw();
  }, [props.x, ...props.curves.map((one) => one.values)]);
  return <div class="curves" ref={box} />;
}
