/** The weave: the trigger map as a picture, while it is woven and afterwards. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { RunLine } from "../api/answers";
import { get } from "../api/client";
import { progress } from "../api/pipeline";
import { useWatched, watchPath } from "../api/watch";
import { hashOf, place, setQuery } from "../route";
import { clock, count } from "../ui/format";
import { Empty, Panel, Problem } from "../ui/parts";
import type { RunWeave } from "./answer";
import { pathOf, useWeave, type Asked } from "./asking";
import { useKeys } from "./keys";
import { Legend } from "./legend";
import { OverviewBar } from "./overview";
import { Picture, usePaints, useTheme } from "./picture";
import { StoryOf } from "./story";
import { mostCount, moved, showing, usualCount, within, zoomed, type Span } from "./window";
import "./weave.css";

const runs = watchPath<RunLine[]>("runs", 2000);
const PERIOD = 400;
const OVERVIEW_PERIOD = 1500;
const BINS = 400;

function numberOf(name: string): number | undefined {
  const text = place.value.query.get(name);
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function Choice(props: { run: string; lines: readonly RunLine[] | undefined }): JSX.Element {
  const { run, lines } = props;
  const known = lines?.some((one) => one.run === run);
  return (
    <label>
      run{" "}
      <select value={run} onChange={(event) => setQuery({ run: event.currentTarget.value, from: undefined, event: undefined })}>
        <option value="">the newest</option>
        {run && !known ? <option value={run}>{run.slice(0, 8)}</option> : null}
        {lines?.map((one) => (
          <option key={one.run} value={one.run}>
            {one.run.slice(0, 8)}, {clock(one.started_at)}, {one.outcome}
          </option>
        ))}
      </select>
    </label>
  );
}

function Unknown(props: { seen: RunWeave }): JSX.Element | null {
  const { seen } = props;
  const given = seen.stages.some((stage, index) => {
    const wanted = seen.rows.some((row) => (row.packets[index] ?? 0) > 1);
    return wanted && !["pending", "lost", "dropped"].includes(seen.stage_names[stage] ?? "") && (seen.worker[index] ?? -1) < 0;
  });
  return given ? (
    <p class="faint">Grey: who had these events is not remembered any more; what became of them is.</p>
  ) : null;
}

export function Weave(): JSX.Element {
  const now = useWatched(progress);
  const lines = useWatched(runs);
  const [width, setWidth] = useState(800);
  const [none, setNone] = useState<string>();
  const [only, setOnly] = useState<string>();
  const [cursor, setCursor] = useState<number>();
  const panel = useRef<HTMLDivElement>(null);
  const theme = useTheme(panel);
  const run = place.value.query.get("run") ?? "";
  const chosen = numberOf("event");
  const [total, setTotal] = useState<number | null>(null);
  const most = Math.min(mostCount(width), total || Infinity);
  const wide = Math.max(1, Math.min(numberOf("count") ?? usualCount(width), most));
  // A link that names an event alone shows it in the middle.
  const from = numberOf("from") ?? (chosen === undefined ? undefined : Math.max(0, chosen - Math.floor(wide / 2)));
  const asked: Asked = { run, from, count: wide, bins: 0 };
  const stamp = `${now?.run ?? ""} ${now?.finished ?? ""}`;
  const events = useWeave(asked, PERIOD, stamp);
  const whole = useWeave({ run, from: 0, count: 1, bins: BINS }, OVERVIEW_PERIOD, stamp);
  const seen = events.value.value;
  const paints = usePaints(seen, theme);
  useEffect(() => setTotal(seen?.total_events ?? null), [seen?.total_events]);
  const span: Span = { first: from ?? seen?.first ?? 0, count: wide };
  /** Where somebody looks: what was said of another place does not hold here. */
  const here = `${run} ${chosen} ${cursor} ${from}`;
  const following = from === undefined;

  function show(next: Span): void {
    setQuery({ from: String(next.first), count: String(next.count) });
  }
  function zoom(factor: number): void {
    const around = cursor ?? chosen;
    const inSight = around !== undefined && around >= span.first && around < span.first + span.count;
    const next = zoomed(span, factor, inSight ? around + 0.5 : span.first + span.count / 2, most, total);
    if (following) setQuery({ count: String(next.count) });
    else show(next);
  }
  function follow(): void {
    setQuery(following ? { from: String(span.first) } : { run: undefined, from: undefined, event: undefined });
  }
  function go(event: number): void {
    const last = total === null ? Infinity : total - 1;
    const inside = Math.min(Math.max(event, 0), last);
    const next = showing(span, inside);
    setCursor(inside);
    // The window stays where it is, and the link names the run: whoever gets it sees the same.
    setQuery({ run: seen?.run ?? run, event: String(inside), from: String(next.first), count: String(next.count) });
  }
  function step(by: number): void {
    if (chosen !== undefined) return go(chosen + by);
    const begin = cursor ?? (by > 0 ? span.first - 1 : span.first + span.count);
    const inside = Math.min(Math.max(begin + by, 0), total === null ? Infinity : total - 1);
    const next = showing(span, inside);
    setCursor(inside);
    if (next.first !== span.first) show(next);
  }
  async function trouble(by: 1 | -1): Promise<void> {
    const at = chosen ?? cursor ?? (by > 0 ? Math.max(span.first - 1, 0) : span.first + span.count);
    const answer = await get<RunWeave>(pathOf({ run: seen?.run ?? run, from: at, count: 1, bins: 0 }));
    const found = by > 0 ? answer.unusual_after : answer.unusual_before;
    setNone(found === null ? here : undefined);
    if (found === null) return;
    const inSight = found >= span.first && found < span.first + span.count;
    const first = inSight ? span.first : within({ first: found - span.count / 3, count: span.count }, total).first;
    setCursor(found);
    setQuery({ run: answer.run ?? run, event: String(found), from: String(first), count: String(span.count) });
  }
  function look(by: 1 | -1): void {
    // What keeps this from being answered keeps the picture from it as well, which says so.
    trouble(by).catch(() => setNone(undefined));
  }
  function close(): void {
    setQuery({ event: undefined });
  }
  useKeys({ step, zoom, follow, close, trouble: look, open: () => cursor !== undefined && go(cursor) });

  if (seen && seen.run === null) {
    return (
      <Panel title="Weave" id="weave">
        <Empty>
          No run yet; arm one under <a href={hashOf("runs")}>Runs</a>. Then every event is a column here, and every stream a row.
        </Empty>
      </Panel>
    );
  }
  const bins = whole.value.value?.overview;
  const last = Math.min(span.first + span.count, seen?.stop ?? 0);
  return (
    <div class={`weave-view ${chosen === undefined ? "" : "told"}`} ref={panel}>
      <Panel title="Weave" id="weave" aside={seen ? `events ${count(span.first)} to ${count(Math.max(last - 1, span.first))} of ${total === null ? "an open run" : count(total)}` : ""}>
        <Problem error={events.error.value} />
        <div class="filters">
          <Choice run={run} lines={lines} />
          <div class="weave-buttons" role="group" aria-label="Move and zoom">
            <button type="button" aria-label="earlier events" title="earlier events" onClick={() => show(moved(span, -0.8, total))}>
              ◂
            </button>
            <button type="button" aria-label="later events" title="later events" onClick={() => show(moved(span, 0.8, total))}>
              ▸
            </button>
            <button type="button" aria-label="fewer events" title="fewer events (+)" onClick={() => zoom(0.5)}>
              +
            </button>
            <button type="button" aria-label="more events" title="more events (-)" onClick={() => zoom(2)}>
              −
            </button>
          </div>
          <div class="weave-buttons" role="group" aria-label="Failed, lost, or given out again">
            <button type="button" title="the trouble before: failed, lost, or given out again (p)" onClick={() => look(-1)}>
              ◂ trouble
            </button>
            <button type="button" title="the next trouble: failed, lost, or given out again (n)" onClick={() => look(1)}>
              trouble ▸
            </button>
          </div>
          <button type="button" class={following ? "first" : ""} aria-pressed={following} title="key f" onClick={follow}>
            follow the newest
          </button>
        </div>
        {none === here ? (
          <p class="faint" role="status">
            There is no further event that failed, was lost or was given out again in this direction.
          </p>
        ) : null}
        {seen ? (
          <>
            <Picture seen={seen} span={span} only={only} chosen={chosen} cursor={cursor} onChoose={go} onWidth={setWidth} />
            {bins && bins.edges.length > 1 ? (
              <OverviewBar whole={bins} span={span} total={total} onMove={(first) => show(within({ first, count: span.count }, total))} />
            ) : null}
            {theme ? <Legend seen={seen} paints={paints} theme={theme} only={only} onOnly={setOnly} /> : null}
            <Unknown seen={seen} />
          </>
        ) : (
          <Empty>Asking the controller…</Empty>
        )}
      </Panel>
      {chosen !== undefined && seen?.run ? <StoryOf run={seen.run} event={chosen} onGo={go} onClose={close} /> : null}
    </div>
  );
}
