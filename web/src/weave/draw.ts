/** Drawing the weave: a lane for what became of each event, and a lane for each stream, coloured by worker. */
import { holdersOf, sharedOf, type Holder, type RunWeave } from "./answer";
import type { Paint, Theme } from "./paint";
import { ticks, type Span } from "./window";
import { packetOf, stageOf } from "./words";
import { count as written } from "../ui/format";

export interface Shape {
  /** Pixels above the lanes, for event numbers. */
  readonly axis: number;
  /** Pixels of a lane. */
  readonly lane: number;
}

export interface Scene {
  readonly seen: RunWeave;
  readonly span: Span;
  readonly width: number;
  readonly shape: Shape;
  readonly theme: Theme;
  readonly paints: Map<string, Paint>;
  /** Name of the worker whose events stand out; undefined: all do. */
  readonly only: string | undefined;
}

type Pen = CanvasRenderingContext2D;
interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** Where an event is, whole pixels wide, with a gap to the next one where there is room. */
function columnOf(scene: Scene, event: number): { x: number; w: number } {
  const { span, width } = scene;
  const left = Math.round(((event - span.first) * width) / span.count);
  const right = Math.round(((event + 1 - span.first) * width) / span.count);
  const gap = right - left >= 5 ? 1 : 0;
  return { x: left, w: Math.max(right - left - gap, 1) };
}

/** Lines from corner to corner; `rising` leans the other way. */
function hatch(pen: Pen, box: Box, colour: string, rising = true): void {
  pen.save();
  pen.beginPath();
  pen.rect(box.x, box.y, box.w, box.h);
  pen.clip();
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.beginPath();
  const step = 5;
  // Lines are fixed to the picture, not to the box, so that neighbours go on with each other.
  const from = Math.floor((box.x - box.h) / step) * step;
  for (let x = from; x < box.x + box.w + box.h; x += step) {
    pen.moveTo(x, rising ? box.y + box.h : box.y);
    pen.lineTo(x + box.h, rising ? box.y : box.y + box.h);
  }
  pen.stroke();
  pen.restore();
}

function outline(pen: Pen, box: Box, colour: string): void {
  if (box.w < 4) return;
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.strokeRect(box.x + 0.5, box.y + 0.5, box.w - 1, box.h - 1);
}

function cross(pen: Pen, box: Box, colour: string): void {
  const half = Math.min(box.w, box.h) / 2 - 2;
  if (half < 2) return;
  const [x, y] = [box.x + box.w / 2, box.y + box.h / 2];
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(x - half, y - half);
  pen.lineTo(x + half, y + half);
  pen.moveTo(x + half, y - half);
  pen.lineTo(x - half, y + half);
  pen.stroke();
}

/** What became of an event: heights and shapes say it as well as colours. */
export function drawStage(pen: Pen, box: Box, stage: string | undefined, theme: Theme): void {
  const lower = (part: number): Box => ({ ...box, y: box.y + Math.round(box.h * (1 - part)), h: Math.round(box.h * part) });
  const fill = (where: Box, colour: string): void => {
    pen.fillStyle = colour;
    pen.fillRect(where.x, where.y, where.w, where.h);
  };
  switch (stage) {
    case "waiting":
      return fill(lower(0.2), theme.accent);
    case "leased":
      return fill(lower(0.45), theme.accent);
    case "orphaned":
      outline(pen, box, theme.warning);
      return fill(lower(0.2), theme.warning);
    case "reduced":
      return fill(lower(0.7), theme.good);
    case "failed":
    case "quarantined":
      fill(box, theme.trouble);
      cross(pen, box, theme.paper);
      if (stage === "quarantined") outline(pen, box, theme.ink);
      return;
    case "lost":
    case "dropped":
      outline(pen, box, theme.warning);
      hatch(pen, box, theme.warning);
      if (stage === "dropped") hatch(pen, box, theme.warning, false);
      return;
    default:
      pen.fillStyle = theme.track;
      pen.fillRect(box.x, box.y + box.h - 2, box.w, 2);
  }
}

/** The corner that says that an event was given out before; where it has no room for a corner, a line above it. */
export function drawAgain(pen: Pen, box: Box, theme: Theme): void {
  pen.fillStyle = theme.ink;
  if (box.w < 6) {
    pen.fillRect(box.x, box.y - 2, box.w, 3);
    return;
  }
  const side = Math.min(11, box.w * 0.9, box.h * 0.6);
  pen.strokeStyle = theme.paper;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(box.x, box.y);
  pen.lineTo(box.x + side, box.y);
  pen.lineTo(box.x, box.y + side);
  pen.closePath();
  pen.fill();
  pen.stroke();
}

/** For the how-manieth time an event was given out. */
function drawTimes(pen: Pen, box: Box, attempt: number, theme: Theme): void {
  pen.fillStyle = theme.paper;
  pen.font = "600 11px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(`×${attempt}`, box.x + box.w / 2, box.y + box.h * 0.66);
}

function drawHolder(pen: Pen, box: Box, paint: Paint, theme: Theme, strength: number, written: boolean): void {
  pen.globalAlpha = strength;
  pen.fillStyle = paint.colour;
  pen.fillRect(box.x, box.y, box.w, box.h);
  const named = written && box.w >= 9 + 7 * paint.short.length && box.h >= 12;
  // Beneath a name there are stripes only where they leave it legible.
  const foot = named ? 5 : box.h;
  if (paint.striped) hatch(pen, { ...box, y: box.y + box.h - foot, h: foot }, theme.paper, false);
  if (named) {
    pen.fillStyle = paint.ink;
    pen.font = "600 11px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(paint.short, box.x + box.w / 2, box.y + box.h / 2 + 0.5);
  }
  pen.globalAlpha = 1;
}

function drawPacket(pen: Pen, scene: Scene, box: Box, row: number, event: number, holders: readonly Holder[]): void {
  const { seen, theme, paints, only } = scene;
  const packet = packetOf(seen, row, event);
  if (packet === undefined || packet === "none") return;
  if (packet === "unwanted") {
    pen.fillStyle = theme.faint;
    pen.fillRect(box.x + box.w / 2 - 1, box.y + box.h / 2 - 1, 2, 2);
    return;
  }
  if (packet === "missing") {
    outline(pen, box, theme.warning);
    hatch(pen, box, theme.warning);
    return;
  }
  if (!holders.length) {
    const given = stageOf(seen, event) !== "pending";
    pen.globalAlpha = packet === "come" ? (given ? 0.6 : 0.3) : 0;
    pen.fillStyle = theme.faint;
    pen.fillRect(box.x, box.y, box.w, box.h);
    pen.globalAlpha = 1;
    outline(pen, box, theme.line);
    return;
  }
  const strength = packet === "absent" ? 0.3 : 1;
  holders.forEach((one, place) => {
    const worker = seen.workers[one.worker];
    const paint = worker && paints.get(worker.name);
    if (!paint) return;
    const top = box.y + Math.round((place * box.h) / holders.length);
    const bottom = box.y + Math.round(((place + 1) * box.h) / holders.length);
    const dimmed = only !== undefined && only !== worker.name ? 0.15 : 1;
    drawHolder(pen, { ...box, y: top, h: bottom - top }, paint, theme, strength * dimmed, holders.length === 1);
  });
}

/** The numbers of the events above the lanes, and what begins with some of them. */
function drawAxis(pen: Pen, scene: Scene, height: number): void {
  const { span, width, shape, theme } = scene;
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (const event of ticks(span, width, 64)) {
    const { x, w } = columnOf(scene, event);
    const at = x + Math.min(w / 2, 8);
    pen.fillStyle = theme.faint;
    pen.fillRect(Math.round(at), shape.axis - 5, 1, 4);
    const text = written(event);
    const half = pen.measureText(text).width / 2;
    pen.textAlign = "center";
    pen.fillText(text, Math.min(Math.max(at, half), width - half), shape.axis / 2 - 2);
  }
  for (const mark of scene.seen.marks) {
    if (mark.event < span.first || mark.event >= span.first + span.count) continue;
    const { x } = columnOf(scene, mark.event);
    pen.strokeStyle = mark.kind === "epoch" ? theme.accent : theme.faint;
    pen.setLineDash(mark.kind === "epoch" ? [2, 2] : [1, 3]);
    line(pen, x, shape.axis, height);
  }
  pen.setLineDash([]);
}

function line(pen: Pen, x: number, from: number, to: number): void {
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(x - 0.5, from);
  pen.lineTo(x - 0.5, to);
  pen.stroke();
}

/** Up to where events have been given out. */
function drawFront(pen: Pen, scene: Scene, height: number): void {
  const { seen, span, theme, shape } = scene;
  const front = seen.assigned_until;
  if (front <= span.first || front > span.first + span.count || front === seen.total_events) return;
  const { x } = columnOf(scene, front);
  pen.fillStyle = theme.accent;
  pen.fillRect(x - 1, shape.axis, 2, height - shape.axis);
  pen.beginPath();
  pen.moveTo(x - 5, shape.axis - 6);
  pen.lineTo(x + 5, shape.axis - 6);
  pen.lineTo(x, shape.axis);
  pen.fill();
}

export function draw(pen: Pen, scene: Scene): void {
  const { seen, span, width, shape, theme } = scene;
  const height = shape.axis + shape.lane * (seen.rows.length + 1);
  const shared = sharedOf(seen);
  pen.clearRect(0, 0, width, height);
  const first = Math.max(span.first, seen.first);
  const stop = Math.min(span.first + span.count, seen.stop);
  const boxOf = (lane: number, event: number): Box => ({ ...columnOf(scene, event), y: shape.axis + lane * shape.lane + 3, h: shape.lane - 6 });
  for (let event = first; event < stop; event++) drawStage(pen, boxOf(0, event), stageOf(seen, event), theme);
  seen.rows.forEach((row, number) => {
    for (let event = first; event < stop; event++) {
      drawPacket(pen, scene, boxOf(number + 1, event), number, event, holdersOf(seen, shared, event, row.stream));
    }
  });
  for (let event = first; event < stop; event++) {
    const attempt = seen.attempt[event - seen.first] ?? 0;
    if (attempt < 2) continue;
    const box = boxOf(0, event);
    if (box.w >= 16) drawTimes(pen, box, attempt, theme);
    for (let lane = 0; lane <= seen.rows.length; lane++) {
      const wanted = lane === 0 || ["come", "absent", "missing"].includes(packetOf(seen, lane - 1, event) ?? "");
      if (wanted) drawAgain(pen, boxOf(lane, event), theme);
    }
  }
  drawAxis(pen, scene, height);
  drawFront(pen, scene, height);
}
