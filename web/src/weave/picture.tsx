/** The picture of some events: streams as rows, events as columns; the pointer reads it, a click or Enter asks for the story of an event. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { penOf } from "../plots/canvas";
import { useSize } from "../plots/size";
import { unit } from "../ui/unit";
import { sharedOf, type RunWeave } from "./answer";
import { draw, type Shape } from "./draw";
import { isDark, paints, themeOf, type Paint, type Theme } from "./paint";
import { eventAt, type Span } from "./window";
import { describe, halves, summary } from "./words";

/** What is said while nothing is pointed at. */
const HINT = "Choose an event for its story.";
const KEYS = " Keys: arrows and Enter, + and − zoom, n and p go to the next trouble and back, f follows the newest.";

export interface PictureProps {
  readonly seen: RunWeave;
  readonly span: Span;
  readonly only?: string | undefined;
  /** The event whose story is told. */
  readonly chosen?: number | undefined;
  /** The event that the keys are at. */
  readonly cursor?: number | undefined;
  readonly onChoose?: (event: number) => void;
  readonly onWidth?: (width: number) => void;
  readonly small?: boolean;
}

/** Around the lanes of the large picture: the strip, the navigation, the buttons and the legend. */
const AROUND = 520;

/** `high`: as high as the window is. Few lanes share what room there is, many have as much as a name needs. */
export function shapeOf(rows: number, high: number, small = false): Shape {
  if (small) return { axis: 16, lane: 14 };
  const room = Math.floor((high - AROUND) / (rows + 1));
  return { axis: 26, lane: Math.min(Math.max(room, rows <= 14 ? 22 : 15), 54) };
}

/** The colours of the page, asked for anew when it turns dark or light. */
export function useTheme(element: { current: HTMLElement | null }): Theme | undefined {
  const [theme, setTheme] = useState<Theme>();
  useEffect(() => {
    const look = (): void => {
      if (element.current) setTheme(themeOf(element.current));
    };
    look();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", look);
    return () => dark.removeEventListener("change", look);
  }, []);
  return theme;
}

export function usePaints(seen: RunWeave | undefined, theme: Theme | undefined): Map<string, Paint> {
  const names = seen?.workers.map((one) => one.name).join("\n") ?? "";
  return useMemo(() => (seen && theme ? paints(seen.workers, isDark(theme)) : new Map()), [names, theme]);
}

function Column(props: { event: number | undefined; span: Span; kind: string }): JSX.Element | null {
  const { event, span, kind } = props;
  if (event === undefined || event < span.first || event >= span.first + span.count) return null;
  const left = (100 * (event - span.first)) / span.count;
  return <i class={`weave-column ${kind}`} style={{ left: `${left}%`, width: `${100 / span.count}%` }} />;
}

export function Picture(props: PictureProps): JSX.Element {
  const { seen, span, only, chosen, cursor, small } = props;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(box);
  const by = unit();
  const width = size.width / by;
  const theme = useTheme(box);
  const colours = usePaints(seen, theme);
  const [under, setUnder] = useState<{ event: number; lane: number }>();
  const shape = shapeOf(seen.rows.length, innerHeight / by, small);
  const height = shape.axis + shape.lane * (seen.rows.length + 1);
  const shared = useMemo(() => sharedOf(seen), [seen]);
  useEffect(() => {
    if (width) props.onWidth?.(width);
  }, [width]);
  // At once, so that the lanes and what stands around them are of the same moment.
  useLayoutEffect(() => {
    if (!canvas.current || !theme || !width) return;
    const pen = penOf(canvas.current, size.width, height * by, by);
    if (pen) draw(pen, { seen, span, width, shape, theme, paints: colours, only });
  }, [seen, span.first, span.count, width, height, shape.lane, by, theme, colours, only]);

  function placeOf(pointer: { clientX: number; clientY: number }): { event: number; lane: number } | undefined {
    const edges = box.current!.getBoundingClientRect();
    const event = eventAt(span, pointer.clientX - edges.left, edges.width);
    if (event === undefined || event < seen.first || event >= seen.stop) return undefined;
    return { event, lane: Math.floor(((pointer.clientY - edges.top) / by - shape.axis) / shape.lane) };
  }
  const read = under ?? (cursor === undefined ? undefined : { event: cursor, lane: -1 });
  return (
    <div class={`weave ${small ? "small" : ""}`} style={{ "--axis": `${shape.axis * by}px`, "--lane": `${shape.lane * by}px` }}>
      <ol class="weave-names" aria-hidden="true">
        {["outcome", ...seen.rows.map((one) => one.stream)].map((name, lane) => (
          <li key={lane} title={name}>
            <span>{halves(name)[0]}</span>
            <span>{halves(name)[1]}</span>
          </li>
        ))}
      </ol>
      <div
        ref={box}
        class="weave-picture"
        style={{ height: `${height * by}px` }}
        role="img"
        aria-label={summary(seen)}
        data-first={span.first}
        data-count={span.count}
        data-lane={shape.lane}
        onPointerMove={(event) => setUnder(placeOf(event))}
        onPointerLeave={() => setUnder(undefined)}
        onClick={(event) => {
          const place = placeOf(event);
          if (place) props.onChoose?.(place.event);
        }}
      >
        <canvas ref={canvas} style={{ width: "100%", height: `${height * by}px` }} />
        <Column event={read?.event} span={span} kind="under" />
        <Column event={chosen} span={span} kind="chosen" />
      </div>
      {small ? null : (
        <output class="weave-said" aria-live="polite">
          {read && read.event >= seen.first && read.event < seen.stop ? (
            describe(seen, shared, read.event, read.lane - 1)
          ) : (
            <span class="faint">
              {HINT}
              <span class="weave-keys">{KEYS}</span>
            </span>
          )}
        </output>
      )}
    </div>
  );
}
