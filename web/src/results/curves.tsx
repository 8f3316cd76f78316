/** Curves of the results over their axis, with their errors. */
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { middles } from "../plots/columns";
import { Curves } from "../plots/curves";
import type { Box } from "../plots/view";
import { place, setQuery } from "../route";
import { Problem } from "../ui/parts";
import { useArrays, type Wish } from "./arrays";
import { choice, planeOf, rangeOf, rangeText } from "./choices";
import { Nothing } from "./empty";
import { Sliders } from "./leading";
import { allMissing, Parts, scaled, Waiting, type Of } from "./parts";
import { Region } from "./region";
import type { Series } from "./plan";

const MOST_POINTS = 20_000;

export function CurvesPlot(props: { plan: Of<"curves">; domain: string; run: string | undefined; events: string | undefined }): JSX.Element {
  const { plan, domain } = props;
  const query = place.value.query;
  const log = query.has("log") ? query.get("log") === "1" : plan.log;
  const [part] = choice("part");
  const [marks, setMarks] = useState(false);
  const [region, setRegion] = useState<Box>();
  const plane = planeOf(query.get("at"), plan.leading);
  const length = plan.shape.at(-1)!;
  // Edges cannot be put together as values are: of these every so many are taken.
  const block = Math.ceil(length / MOST_POINTS);
  const select = plane.length ? `[${[...plane, ":"].join(",")}]` : undefined;
  const wish = (path: string, one?: Series): Wish => ({ path, most: [MOST_POINTS], select, part: one?.complex ? part : undefined });
  const wishes: Record<string, Wish> = {};
  if (plan.x.path !== undefined) wishes["x"] = plan.x.edges && block > 1 ? { path: plan.x.path, select: `[::${block}]` } : { path: plan.x.path, most: [MOST_POINTS] };
  plan.series.forEach((one, index) => {
    wishes[`y${index}`] = wish(one.path, one);
    if (one.errors !== undefined) wishes[`e${index}`] = wish(one.errors);
  });
  const { arrays, error } = useArrays(wishes, domain);
  const curves = useMemo(
    () =>
      arrays &&
      plan.series.flatMap((one, index) => {
        const values = arrays[`y${index}`];
        if (!values) return [];
        const errors = arrays[`e${index}`];
        const width = errors && scaled(errors.data, { ...one, offset: 0, factor: Math.abs(one.factor ?? 1) });
        return [{ label: one.label, values: scaled(values.data, one), errors: width }];
      }),
    [arrays, JSON.stringify(plan.series)],
  );
  const counted = arrays?.["y0"]?.whole.at(-1) ?? length;
  const x = useMemo(() => {
    const found = arrays?.["x"]?.data;
    if (plan.x.path === undefined) return middles(counted, MOST_POINTS);
    return found && plan.x.time !== undefined ? Float64Array.from(found, (one) => one * plan.x.time!) : found;
  }, [arrays?.["x"], plan.x.path, plan.x.time, counted]);
  if (!arrays || !curves?.length) return <Waiting error={error} />;
  return (
    <>
      <Problem error={error} />
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          <input type="checkbox" checked={log} onChange={(event) => setQuery({ log: event.currentTarget.checked ? "1" : "0" })} /> log
        </label>
        {plan.series.some((one) => one.complex) ? <Parts /> : null}
      </form>
      <Sliders leading={plan.leading} plane={plane} domain={domain} />
      {curves.every((one) => allMissing(one.values)) ? <Nothing what="No element of it is a number yet." run={props.run} events={props.events} /> : null}
      <Curves
        x={x}
        edges={plan.x.edges === true}
        time={plan.x.time !== undefined}
        xLabel={plan.x.label}
        yLabel={plan.y}
        log={log}
        curves={curves}
        marks={marks}
        region={region && { from: region.x, to: region.x + region.width }}
        onRegion={({ from, to }) => setRegion({ x: from, y: 0, width: to - from, height: 1 })}
        seen={rangeOf(query.get("see"))}
        onSeen={(range) => setQuery({ see: rangeText(range) })}
      />
      <Region kind="range" region={region} onRegion={setRegion} marks={marks} onMarks={setMarks} />
      <p class="faint">
        {block > 1 ? `Each point here is the mean of ${block} of ${length} elements. ` : ""}
        {log ? "What is not above 0 has no logarithm and is left out. " : ""}Drag: zoom. Double click: all of it.
      </p>
    </>
  );
}
