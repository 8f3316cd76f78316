/**
 * Where pictures and points are drawn: axes around it; the wheel zooms, dragging moves, dragging with Shift (or where it is chosen) marks a rectangle.
 * By keyboard: + and - zoom, the arrows move, 0 shows all. What is seen is told, to be kept in the address.
 */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Along, Tick } from "./along";
import { drawAxes, marginsOf } from "./axes";
import { penOf } from "./canvas";
import { useSize } from "./size";
import { useDark } from "../ui/dark";
import { unit } from "../ui/unit";
import { between, boxText, fitted, place, toImage, toPage, within, zoomed, type Box, type Frame } from "./view";

export interface PaneProps {
  /** All that there is, in pixels of the data or in positions. */
  readonly whole: Box;
  /** As much as can be zoomed into. */
  readonly least: number;
  readonly square: boolean;
  /** Where they are kept so: how many times as high as wide pixels are; 1 unless told. */
  readonly ratio?: number | undefined;
  readonly up: boolean;
  readonly x: Along;
  readonly y: Along;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly label: string;
  readonly paint: (pen: CanvasRenderingContext2D, frame: Frame) => void;
  /** What changes when it has to be painted again. */
  readonly painted: readonly unknown[];
  /** What is under the cursor, in words. */
  readonly says: (place: { x: number; y: number } | undefined, frame: Frame) => string;
  /** Where the cursor rests. */
  readonly onRest?: ((place: { x: number; y: number } | undefined) => void) | undefined;
  /** A marked rectangle. */
  readonly region?: Box | undefined;
  readonly onRegion?: ((region: Box) => void) | undefined;
  /** Dragging marks, also without Shift. */
  readonly marks?: boolean;
  /** What was chosen to be seen, and that it changed; it is told when it rests. */
  readonly seen?: Box | undefined;
  readonly onSeen?: ((seen: Box | undefined) => void) | undefined;
  /** In which size it is drawn, in pixels of the screen. */
  readonly onSize?: ((size: { width: number; height: number }) => void) | undefined;
}

interface Drag {
  readonly marks: boolean;
  readonly from: { x: number; y: number };
  readonly seen: Box;
}

const REST_MS = 250;
const POINT_MS = 100;

export function Pane(props: PaneProps): JSX.Element {
  const { whole, square, up, ratio = 1 } = props;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const room = useSize(box);
  const dark = useDark();
  const by = unit();
  // All sizes here are in this unit, so that lines and letters are as large as those of the page.
  const [width, height] = [room.width / by, room.height / by];
  const [chosen, setChosen] = useState(props.seen);
  const [cursor, setCursor] = useState<{ x: number; y: number }>();
  const [marking, setMarking] = useState<Box>();
  const drag = useRef<Drag | undefined>(undefined);
  const pinch = useRef(new Map<number, { x: number; y: number }>());
  const seen = fitted(chosen, whole);

  const most = { x: Math.max(2, Math.floor(width / 80)), y: Math.max(2, Math.floor(height / 45)) };
  const ticks: { x: Tick[]; y: Tick[] } = {
    x: props.x.ticks(seen.x, seen.x + seen.width, most.x),
    y: props.y.ticks(seen.y, seen.y + seen.height, most.y),
  };
  const margins = marginsOf(ticks.y);
  // With square pixels, as high as the picture needs; the style sheet says how high at most.
  const wanted = square && width ? ((width - margins.left - margins.right) * whole.height * ratio) / whole.width + margins.top + margins.bottom : undefined;
  const inside = { width: Math.max(1, width - margins.left - margins.right), height: Math.max(1, height - margins.top - margins.bottom) };
  const inner = place(seen, inside.width, inside.height, square, ratio);
  const frame: Frame = { seen, shown: { ...inner, x: inner.x + margins.left, y: inner.y + margins.top }, up };

  const told = useRef(boxText(props.seen));
  useEffect(() => {
    const timer = setTimeout(() => {
      if (told.current === boxText(chosen)) return;
      told.current = boxText(chosen);
      props.onSeen?.(chosen);
    }, REST_MS);
    return () => clearTimeout(timer);
  }, [chosen]);
  useEffect(() => {
    // Another address was opened.
    if (boxText(props.seen) === told.current) return;
    told.current = boxText(props.seen);
    setChosen(props.seen);
  }, [boxText(props.seen)]);
  useEffect(() => {
    const timer = setTimeout(() => props.onRest?.(cursor), POINT_MS);
    return () => clearTimeout(timer);
  }, [cursor?.x, cursor?.y]);
  useEffect(() => {
    const sharp = (window.devicePixelRatio || 1) * by;
    if (width && height) props.onSize?.({ width: Math.round(inside.width * sharp), height: Math.round(inside.height * sharp) });
  }, [Math.round(inside.width * by), Math.round(inside.height * by)]);
  useEffect(() => {
    const pen = penOf(canvas.current, room.width, room.height, by);
    if (!pen || !canvas.current) return;
    const { shown } = frame;
    pen.save();
    pen.beginPath();
    pen.rect(shown.x, shown.y, shown.width, shown.height);
    pen.clip();
    props.paint(pen, frame);
    const region = marking ?? props.region;
    if (region) outline(pen, frame, region);
    pen.restore();
    drawAxes(pen, frame, ticks, { x: props.xLabel, y: props.yLabel }, getComputedStyle(canvas.current).color);
  }, [...props.painted, width, height, by, seen.x, seen.y, seen.width, seen.height, square, ratio, up, marking, props.region, props.xLabel, props.yLabel, dark]);

  function under(event: MouseEvent): { x: number; y: number } {
    const corner = canvas.current!.getBoundingClientRect();
    return toImage(seen, frame.shown, (event.clientX - corner.left) / by, (event.clientY - corner.top) / by, up);
  }
  function onWheel(event: WheelEvent): void {
    // Sideways, as by two fingers.
    if (event.deltaY === 0) return;
    event.preventDefault();
    const { x, y } = under(event);
    setChosen(zoomed(seen, event.deltaY > 0 ? 1.25 : 0.8, x, y, whole, props.least));
  }
  function onDown(event: PointerEvent): void {
    // The other buttons open menus, which keep from here that they are let go.
    if (event.button !== 0) return;
    canvas.current?.setPointerCapture(event.pointerId);
    pinch.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const marks = (event.shiftKey || props.marks === true) && props.onRegion !== undefined;
    drag.current = pinch.current.size > 1 ? undefined : { marks, from: under(event), seen };
  }
  function onMove(event: PointerEvent): void {
    const here = under(event);
    setCursor(here);
    if (event.buttons === 0) {
      pinch.current.delete(event.pointerId);
      drag.current = undefined;
      setMarking(undefined);
    }
    if (pinch.current.size === 2 && pinch.current.has(event.pointerId)) return onPinch(event);
    const held = drag.current;
    if (!held) return;
    if (held.marks) setMarking(between(held.from, here, whole));
    else setChosen(within({ ...seen, x: seen.x + held.from.x - here.x, y: seen.y + held.from.y - here.y }, whole));
  }
  function onPinch(event: PointerEvent): void {
    const [one, other] = [...pinch.current.values()] as [{ x: number; y: number }, { x: number; y: number }];
    const before = Math.hypot(one.x - other.x, one.y - other.y);
    pinch.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const [first, second] = [...pinch.current.values()] as [{ x: number; y: number }, { x: number; y: number }];
    const after = Math.hypot(first.x - second.x, first.y - second.y);
    const { x, y } = under(event);
    if (before > 0 && after > 0) setChosen(zoomed(seen, before / after, x, y, whole, props.least));
  }
  function onUp(event: PointerEvent): void {
    pinch.current.delete(event.pointerId);
    if (drag.current?.marks && marking && marking.width > 0 && marking.height > 0) props.onRegion?.(marking);
    drag.current = undefined;
    setMarking(undefined);
  }
  function onKey(event: KeyboardEvent): void {
    const [middleX, middleY] = [seen.x + seen.width / 2, seen.y + seen.height / 2];
    const step = (across: number, down: number): Box =>
      within({ ...seen, x: seen.x + (across * seen.width) / 10, y: seen.y + ((up ? -down : down) * seen.height) / 10 }, whole);
    const moves: Record<string, () => Box | undefined> = {
      "+": () => zoomed(seen, 0.8, middleX, middleY, whole, props.least),
      "-": () => zoomed(seen, 1.25, middleX, middleY, whole, props.least),
      "0": () => undefined,
      ArrowLeft: () => step(-1, 0),
      ArrowRight: () => step(1, 0),
      ArrowUp: () => step(0, -1),
      ArrowDown: () => step(0, 1),
    };
    const move = moves[event.key];
    // Ctrl and + is of the browser.
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    setChosen(move());
  }

  return (
    <div class="image">
      <div class="canvas" ref={box} {...(wanted ? { style: { height: `${Math.round(wanted * by)}px` } } : {})}>
        <canvas
          ref={canvas}
          tabIndex={0}
          role="img"
          aria-label={props.label}
          data-seen={boxText(seen)}
          data-shown={boxText(scaled(frame.shown, by))}
          data-up={up}
          onWheel={onWheel}
          onPointerDown={onDown}
          onPointerMove={onMove}
          onPointerUp={onUp}
          onPointerCancel={onUp}
          onPointerLeave={() => setCursor(undefined)}
          onDblClick={() => setChosen(undefined)}
          onKeyDown={onKey}
        />
      </div>
      <output>{props.says(cursor, frame)}</output>
    </div>
  );
}

function scaled(box: Box, by: number): Box {
  return { x: box.x * by, y: box.y * by, width: box.width * by, height: box.height * by };
}

/** Black and white, so that it is seen on every colour. */
function outline(pen: CanvasRenderingContext2D, { seen, shown, up }: Frame, region: Box): void {
  const from = toPage(seen, shown, region.x, region.y, up);
  const to = toPage(seen, shown, region.x + region.width, region.y + region.height, up);
  pen.lineWidth = 1.5;
  for (const [style, dash] of [["#000", []], ["#fff", [5, 5]]] as const) {
    pen.strokeStyle = style;
    pen.setLineDash([...dash]);
    pen.strokeRect(Math.min(from.x, to.x), Math.min(from.y, to.y), Math.abs(to.x - from.x), Math.abs(to.y - from.y));
  }
  pen.setLineDash([]);
}
