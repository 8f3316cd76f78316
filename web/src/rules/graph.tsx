/** A chain as a picture: its steps as boxes, and which follows which; from left to right, or downwards where there is little room. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { hashOf } from "../route";
import { Wide } from "../ui/wide";
import type { RuleChain, RuleStep } from "./answers";
import { layoutOf, type Spot } from "./layout";
import { framesOf, paceOf, SIGNS } from "./words";

/** Of a box, in the units of the picture: two are beside each other on a phone. */
const WIDE_BOX = 200;
const NARROW_BOX = 158;
const HEIGHT = 76;
const GAP = { along: 56, across: 16 };
const NARROW = "(max-width: 45rem)";
/** Units that a letter of a name takes. */
const LETTER = 8.2;

function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const wish = matchMedia(NARROW);
    const look = (): void => setNarrow(wish.matches);
    wish.addEventListener("change", look);
    return () => wish.removeEventListener("change", look);
  }, []);
  return narrow;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function cornerOf(spot: Spot, down: boolean): Point {
  return down
    ? { x: spot.row * (NARROW_BOX + GAP.across), y: spot.layer * (HEIGHT + GAP.along / 2) }
    : { x: spot.layer * (WIDE_BOX + GAP.along), y: spot.row * (HEIGHT + GAP.across) };
}

function pathOf(from: Point, to: Point, down: boolean): string {
  if (down) {
    const [x, y, u, v] = [from.x + NARROW_BOX / 2, from.y + HEIGHT, to.x + NARROW_BOX / 2, to.y - 6];
    const half = (v - y) / 2;
    return `M${x} ${y} C${x} ${y + half} ${u} ${v - half} ${u} ${v}`;
  }
  const [x, y, u, v] = [from.x + WIDE_BOX, from.y + HEIGHT / 2, to.x - 6, to.y + HEIGHT / 2];
  const half = (u - x) / 2;
  return `M${x} ${y} C${x + half} ${y} ${u - half} ${v} ${u} ${v}`;
}

function short(text: string, width: number): string {
  const letters = Math.floor((width - 20) / LETTER);
  return text.length > letters ? `${text.slice(0, letters - 1)}…` : text;
}

function Box(props: { chain: RuleChain; step: RuleStep; at: Point; width: number; chosen: boolean }): JSX.Element {
  const { step, at, width } = props;
  const total = Math.max(1, step.frames.final ?? step.frames.released);
  const inner = width - 20;
  const done = (inner * step.frames.done) / total;
  const failed = (inner * step.frames.failed) / total;
  const texts = { name: short(step.name, width), state: `${SIGNS[step.state]} ${step.state}`, pace: step.state === "running" ? (paceOf(step).split(", ")[0] ?? "") : "", frames: framesOf(step) };
  return (
    <a href={hashOf("rules", { chain: String(props.chain.id), step: String(step.id) })} class={`step ${step.state}${props.chosen ? " chosen" : ""}`} data-step={step.id}>
      <g transform={`translate(${at.x} ${at.y})`}>
        <rect class="box" width={width} height={HEIGHT} rx="8">
          <title>{`${step.name} (${step.kind})`}</title>
        </rect>
        <text x="10" y="21" class="name">
          {texts.name}
        </text>
        <text x="10" y="40" class="state">
          {texts.state}
        </text>
        <text x={width - 10} y="40" class="pace">
          {texts.pace}
        </text>
        <text x="10" y="58" class="count">
          {texts.frames}
        </text>
        <rect class="track" x="10" y="65" width={inner} height="5" rx="2.5" />
        <rect class="good" x="10" y="65" width={done} height="5" rx="2.5" />
        {failed ? <rect class="bad" x={10 + done} y="65" width={Math.max(3, failed)} height="5" rx="2.5" /> : null}
      </g>
    </a>
  );
}

export function Graph(props: { chain: RuleChain; chosen: number | undefined }): JSX.Element {
  const { chain } = props;
  const down = useNarrow();
  const layout = layoutOf(
    chain.steps.map((step) => step.id),
    chain.links,
  );
  const corners = new Map(layout.spots.map((spot) => [spot.id, cornerOf(spot, down)]));
  const across = (count: number, size: number, gap: number): number => count * size + (count - 1) * gap;
  const box = down ? NARROW_BOX : WIDE_BOX;
  const width = down ? across(layout.rows, box, GAP.across) : across(layout.layers, box, GAP.along);
  const height = down ? across(layout.layers, HEIGHT, GAP.along / 2) : across(layout.rows, HEIGHT, GAP.across);
  const states = new Map(chain.steps.map((step) => [step.id, step.state]));
  return (
    <Wide label={`the steps of ${chain.title}`} class="graph">
      <svg viewBox={`-2 -2 ${width + 4} ${height + 4}`} style={{ width: `${(width + 4) / 15}rem`, height: `${(height + 4) / 15}rem` }} role="group" aria-label={`The steps of ${chain.title}`}>
        <defs>
          <marker id={`tip-${chain.id}`} viewBox="0 0 8 8" refX="2" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
            <path d="M0 0 L8 4 L0 8 z" class="tip" />
          </marker>
        </defs>
        {chain.links.map((link) => {
          const [from, to] = [corners.get(link.parent)!, corners.get(link.child)!];
          const path = pathOf(from, to, down);
          const skipped = ["skipped", "cancelled"].includes(states.get(link.child) ?? "");
          return (
            <g key={`${link.parent}-${link.child}`} class={`link${skipped ? " skipped" : ""}`}>
              <title>{link.on === "success" ? "follows if nothing failed" : link.on === "finish" ? "follows whatever failed" : `follows if ${link.on}`}</title>
              <path d={path} marker-end={`url(#tip-${chain.id})`} />
            </g>
          );
        })}
        {chain.steps.map((step) => (
          <Box key={step.id} chain={chain} step={step} at={corners.get(step.id)!} width={box} chosen={props.chosen === step.id} />
        ))}
      </svg>
    </Wide>
  );
}
