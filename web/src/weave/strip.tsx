/** The newest events of the run in a small picture, for the first view. */
import type { JSX } from "preact";
import { progress } from "../api/pipeline";
import { useWatched } from "../api/watch";
import { hashOf } from "../route";
import { Panel } from "../ui/parts";
import { useMemo, useState } from "preact/hooks";
import { useWeave } from "./asking";
import { Picture } from "./picture";
import "./weave.css";

const EVENTS = 100;
/** Of more streams the first ones are shown: the first view has to tell other things, too. */
const STREAMS = 8;

export function WeaveStrip(): JSX.Element | null {
  const now = useWatched(progress);
  const [width, setWidth] = useState(800);
  const count = Math.max(20, Math.min(EVENTS, Math.floor(width / 8)));
  const stamp = `${now?.run ?? ""} ${now?.finished ?? ""}`;
  const seen = useWeave(now?.run ? { run: "", from: undefined, count, bins: 0 } : undefined, 1000, stamp).value.value;
  const shown = useMemo(() => seen && { ...seen, rows: seen.rows.slice(0, STREAMS) }, [seen]);
  if (!seen?.run || !shown) return null;
  const many = seen.rows.length;
  const more = many > STREAMS ? `the first ${STREAMS} of ${many} streams · ` : "";
  return (
    <Panel
      title="The newest events"
      id="weave-strip"
      aside={
        <>
          {more}
          <a href={hashOf("weave")}>Weave</a>
        </>
      }
    >
      <Picture
        small
        seen={shown}
        span={{ first: seen.first, count: Math.max(seen.stop - seen.first, 1) }}
        onWidth={setWidth}
        onChoose={(event) => (location.hash = hashOf("weave", { run: seen.run!, event: String(event) }))}
      />
    </Panel>
  );
}
