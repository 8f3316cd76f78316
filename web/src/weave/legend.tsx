/** What the colours and shapes mean: each worker by name, and each mark as it is drawn. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { RunWeave } from "./answer";
import { drawAgain, drawStage } from "./draw";
import type { Paint, Theme } from "./paint";
import { penOf } from "../plots/canvas";
import { unit } from "../ui/unit";

const MARKS: readonly [string, string][] = [
  ["pending", "to come"],
  ["waiting", "waits for packets"],
  ["leased", "with a worker"],
  ["orphaned", "its worker is gone"],
  ["reduced", "in the result"],
  ["failed", "failed"],
  ["quarantined", "put aside"],
  ["lost", "lost, or a gap"],
  ["dropped", "no room for it"],
  ["again", "given out again"],
];

const MARK = 16;

function Mark(props: { name: string; says: string; theme: Theme }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { name, says, theme } = props;
  useLayoutEffect(() => {
    const pen = penOf(canvas.current, MARK * unit(), MARK * unit(), unit());
    if (!pen) return;
    const box = { x: 1, y: 1, w: 14, h: 14 };
    if (name === "again") {
      drawStage(pen, box, "leased", theme);
      drawAgain(pen, box, theme);
    } else drawStage(pen, box, name, theme);
  }, [name, theme, unit()]);
  return (
    <li>
      <canvas ref={canvas} style={{ width: `${MARK * unit()}px`, height: `${MARK * unit()}px` }} /> {says}
    </li>
  );
}

export interface LegendProps {
  readonly seen: RunWeave;
  readonly paints: Map<string, Paint>;
  readonly theme: Theme;
  readonly only: string | undefined;
  readonly onOnly: (name: string | undefined) => void;
}

/** The marks that are in sight now, so that few have to be read. */
function marksOf(seen: RunWeave): Set<string> {
  const found = new Set(seen.stages.map((number) => seen.stage_names[number] ?? ""));
  if (seen.attempt.some((one) => one > 1)) found.add("again");
  return found;
}

export function Legend(props: LegendProps): JSX.Element {
  const { seen, paints, theme, only, onOnly } = props;
  const here = new Set(seen.workers.filter((one) => !one.gone).map((one) => one.name));
  const marks = marksOf(seen);
  return (
    <div class="weave-legend">
      <div class="weave-workers" role="group" aria-label="Workers: press one to see its events alone">
        {[...paints].map(([name, paint]) => (
          <button key={name} type="button" aria-pressed={only === name} onClick={() => onOnly(only === name ? undefined : name)} data-worker={name}>
            <i class={paint.striped ? "striped" : ""} style={{ background: paint.colour, color: paint.ink }}>
              {paint.short}
            </i>
            {name}
            {here.has(name) ? "" : " (gone)"}
          </button>
        ))}
      </div>
      <ul>
        {MARKS.filter(([name]) => marks.has(name)).map(([name, says]) => (
          <Mark key={name} name={name} says={says} theme={theme} />
        ))}
      </ul>
    </div>
  );
}
