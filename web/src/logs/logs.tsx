/** The latest lines of the logs of all processes, by level and by process, the newest on top. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { LogLine } from "../api/answers";
import { useWatched, watch } from "../api/watch";
import { get } from "../api/client";
import { place, setQuery } from "../route";
import { clock } from "../ui/format";
import { Empty, Panel, Problem } from "../ui/parts";

const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"] as const;
const MOST_LINES = 500;

const level = signal("INFO");
const lines = watch(() => get<LogLine[]>(`logs?level=${level.value}`), 1000);

export function Logs(): JSX.Element {
  const all = useWatched(lines);
  const wanted = place.value.query.get("level") ?? "INFO";
  const service = place.value.query.get("service") ?? "";
  useEffect(() => {
    level.value = LEVELS.includes(wanted as (typeof LEVELS)[number]) ? wanted : "INFO";
    lines.again();
  }, [wanted]);
  const services = useMemo(() => [...new Set((all ?? []).map((one) => one.service))].sort(), [all]);
  const shown = (all ?? []).filter((one) => !service || one.service === service).slice(-MOST_LINES);
  const filters = (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        from level{" "}
        <select value={wanted} onChange={(event) => setQuery({ level: event.currentTarget.value })}>
          {LEVELS.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <label>
        of{" "}
        <select value={service} onChange={(event) => setQuery({ service: event.currentTarget.value })}>
          <option value="">all processes</option>
          {services.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
    </form>
  );
  return (
    <Panel title="Log" id="log" aside={filters}>
      <Problem error={lines.error.value} />
      {shown.length ? (
        <ol class="log" reversed>
          {shown
            .map((one, place) => (
              <li key={`${one.created} ${place}`} class={one.levelname.toLowerCase()}>
                <time>{clock(Number(one.created))}</time>
                <span class="level">{one.levelname}</span>
                <span class="faint">{one.service}</span>
                <span>{one.msg}</span>
              </li>
            ))
            .reverse()}
        </ol>
      ) : (
        <Empty>Nothing was said at this level; choose a lower one to see more.</Empty>
      )}
    </Panel>
  );
}
