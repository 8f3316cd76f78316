/** The whole run in one bar: where something was lost, failed or was given out again, and which events are in sight. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { penOf } from "../plots/canvas";
import { useSize } from "../plots/size";
import { unit } from "../ui/unit";
import { count } from "../ui/format";
import type { Overview } from "./answer";
import type { Theme } from "./paint";
import { useTheme } from "./picture";
import type { Span } from "./window";

const HEIGHT = 38;
const BAR = 27;

/** Of each bin the shares of its states, from the ground up; what is rare keeps two pixels, so that one lost event in a million is seen. */
function drawOverview(pen: CanvasRenderingContext2D, whole: Overview, width: number, theme: Theme): void {
  const bins = whole.edges.length - 1;
  const end = whole.edges[bins] ?? 0;
  pen.clearRect(0, 0, width, HEIGHT);
  for (let bin = 0; bin < bins; bin++) {
    const [from, to] = [whole.edges[bin]!, whole.edges[bin + 1]!];
    const left = Math.round((from * width) / end);
    const across = Math.max(Math.round((to * width) / end) - left, 1);
    const events = to - from;
    let ground = HEIGHT;
    const stack = (size: number, colour: string, least: number): void => {
      if (!size) return;
      const high = Math.max((size / events) * BAR, least);
      pen.fillStyle = colour;
      pen.fillRect(left, Math.max(ground - high, HEIGHT - BAR), across, high);
      ground -= high;
    };
    pen.fillStyle = theme.track;
    pen.fillRect(left, HEIGHT - BAR, across, BAR);
    stack(whole.failed[bin]!, theme.trouble, 3);
    stack(whole.lost[bin]!, theme.warning, 3);
    stack(whole.reduced[bin]!, theme.good, 0);
    pen.globalAlpha = 0.5;
    stack(whole.assigned[bin]!, theme.accent, 1);
    pen.globalAlpha = 1;
    const wide = Math.max(across, 3);
    if (whole.failed[bin]! + whole.lost[bin]! > 0) {
      pen.fillStyle = whole.failed[bin]! ? theme.trouble : theme.warning;
      pen.fillRect(left, 5, wide, 3);
    }
    if (whole.again[bin]!) {
      pen.fillStyle = theme.ink;
      pen.beginPath();
      pen.moveTo(left - 2, 0);
      pen.lineTo(left + wide + 2, 0);
      pen.lineTo(left + wide / 2, 4);
      pen.fill();
    }
  }
}

export function OverviewBar(props: { whole: Overview; span: Span; total: number | null; onMove: (first: number) => void }): JSX.Element {
  const { whole, span, total, onMove } = props;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const held = useRef<number | undefined>(undefined);
  const size = useSize(box);
  const by = unit();
  const width = size.width / by;
  const theme = useTheme(box);
  const end = Math.max(whole.edges.at(-1) ?? 0, 1);
  useLayoutEffect(() => {
    if (!canvas.current || !theme || !width) return;
    const pen = penOf(canvas.current, size.width, HEIGHT * by, by);
    if (pen) drawOverview(pen, whole, width, theme);
  }, [whole, width, by, theme]);

  function eventUnder(pointer: PointerEvent): number {
    const edges = box.current!.getBoundingClientRect();
    return ((pointer.clientX - edges.left) / edges.width) * end;
  }
  function onPointerDown(pointer: PointerEvent): void {
    const event = eventUnder(pointer);
    const inside = event >= span.first && event < span.first + span.count;
    held.current = inside ? event - span.first : span.count / 2;
    box.current!.setPointerCapture(pointer.pointerId);
    onMove(event - held.current);
  }
  function onKeyDown(event: KeyboardEvent): void {
    const steps: Record<string, number> = { ArrowLeft: -0.1, ArrowRight: 0.1, PageUp: -1, PageDown: 1 };
    const step = steps[event.key];
    if (step !== undefined) onMove(span.first + Math.sign(step) * Math.max(1, Math.abs(step) * span.count));
    else if (event.key === "Home") onMove(0);
    else if (event.key === "End") onMove(end);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  const left = Math.min((100 * span.first) / end, 100);
  const last = Math.min(span.first + span.count, end);
  return (
    <div
      ref={box}
      class="weave-overview"
      role="slider"
      tabIndex={0}
      aria-label="The whole run; arrows move what is in sight"
      aria-valuemin={0}
      aria-valuemax={end}
      aria-valuenow={span.first}
      aria-valuetext={`events ${count(span.first)} to ${count(last - 1)} of ${count(total)}`}
      onKeyDown={onKeyDown}
      onPointerDown={onPointerDown}
      onPointerMove={(pointer) => {
        if (held.current !== undefined) onMove(eventUnder(pointer) - held.current);
      }}
      onPointerUp={() => (held.current = undefined)}
      onPointerCancel={() => (held.current = undefined)}
    >
      <canvas ref={canvas} style={{ width: "100%", height: `${HEIGHT * by}px` }} />
      <i class="weave-sight" style={{ left: `${left}%`, width: `${Math.max(0, Math.min((100 * span.count) / end, 100 - left))}%` }} />
    </div>
  );
}
