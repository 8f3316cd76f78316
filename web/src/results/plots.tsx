/** What shows each kind of plan: fetches its arrays in the size in which they are shown, and draws them. */
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { Curves } from "../plots/curves";
import { Image } from "../plots/image";
import { autoLevels } from "../plots/levels";
import { LookForm, Scale, type Look } from "../plots/scale";
import { Scatter } from "../plots/scatter";
import type { Box } from "../plots/view";
import { rate } from "../ui/format";
import { Empty, Problem } from "../ui/parts";
import { useArrays, type Wish } from "./arrays";
import type { Plan, Series } from "./plan";
import { Region } from "./region";

type Of<Kind extends Plan["kind"]> = Extract<Plan, { kind: Kind }>;

const MOST_POINTS = 20_000;
const MOST_PIXELS = 1600;
const MOST_ROWS = 200;
const MOST_SCATTERED = 50_000;

function Waiting(props: { error: Error | undefined }): JSX.Element {
  return props.error ? <Problem error={props.error} /> : <Empty>Asking for it…</Empty>;
}

function CurvesPlot(props: { plan: Of<"curves">; domain: string }): JSX.Element {
  const { plan, domain } = props;
  const [log, setLog] = useState(false);
  const wishes: Record<string, Wish> = {};
  if (plan.x.path !== undefined) wishes["x"] = { path: plan.x.path, most: [MOST_POINTS] };
  plan.series.forEach((one, index) => {
    wishes[`y${index}`] = { path: one.path, most: [MOST_POINTS] };
    if (one.errors !== undefined) wishes[`e${index}`] = { path: one.errors, most: [MOST_POINTS] };
  });
  const { arrays, error } = useArrays(wishes, domain);
  if (!arrays) return <Waiting error={error} />;
  return (
    <>
      <Problem error={error} />
      <form class="filters">
        <label>
          <input type="checkbox" checked={log} onChange={(event) => setLog(event.currentTarget.checked)} /> log
        </label>
      </form>
      <Curves
        x={arrays["x"]?.data}
        xLabel={plan.x.label}
        yLabel={plan.y}
        log={log}
        curves={plan.series.map((one, index) => ({ label: one.label, values: arrays[`y${index}`]!.data, errors: arrays[`e${index}`]?.data }))}
      />
    </>
  );
}

function Pictured(props: { look: Look; levels: { low: number; high: number }; onLook: (look: Look) => void; children: ComponentChildren }): JSX.Element {
  return (
    <>
      <LookForm look={props.look} levels={props.levels} onLook={props.onLook} />
      <Scale levels={props.levels} map={props.look.map} />
      {props.children}
    </>
  );
}

function ImagePlot(props: { plan: Of<"image">; domain: string }): JSX.Element {
  const { plan, domain } = props;
  const [rows, columns] = plan.shape.slice(-2) as [number, number];
  const planes = plan.shape.slice(0, -2);
  const [chosen, setChosen] = useState<readonly number[]>();
  const plane = planes.map((length, axis) => Math.min(chosen?.[axis] ?? length - 1, length - 1));
  const narrow = Math.max(rows, columns) > 8 * Math.min(rows, columns);
  const [look, setLook] = useState<Look>({ map: "viridis", log: false, square: !narrow && plan.x.path === undefined });
  const wishes: Record<string, Wish> = {
    image: {
      path: plan.path,
      most: [MOST_PIXELS, MOST_PIXELS],
      by: "max",
      ...(planes.length ? { select: `[${[...plane, ":", ":"].join(",")}]` } : {}),
    },
  };
  if (plan.x.path !== undefined) wishes["x"] = { path: plan.x.path };
  if (plan.y.path !== undefined) wishes["y"] = { path: plan.y.path };
  const { arrays, error } = useArrays(wishes, domain);
  const image = arrays?.["image"];
  const [region, setRegion] = useState<Box>();
  if (!image) return <Waiting error={error} />;
  const levels = look.levels ?? autoLevels(image.data, look.log);
  const [xs, ys] = [arrays?.["x"]?.data, arrays?.["y"]?.data];
  return (
    <>
      <Problem error={error} />
      <Pictured look={look} levels={levels} onLook={setLook}>
        {planes.map((length, axis) => (
          <label class="plane" key={axis}>
            axis {axis}: {plane[axis]} of {length}
            <input
              type="range"
              min={0}
              max={length - 1}
              value={plane[axis]}
              onInput={(event) => setChosen(plane.map((one, other) => (other === axis ? Number(event.currentTarget.value) : one)))}
            />
          </label>
        ))}
        <Image
          image={image}
          levels={levels}
          log={look.log}
          map={look.map}
          square={look.square}
          full={{ rows, columns }}
          xAt={xs && ((column) => xs[column] ?? NaN)}
          yAt={ys && ((row) => ys[row] ?? NaN)}
          label={plan.title}
          region={region}
          onRegion={setRegion}
        />
        <p class="faint">
          {plan.x.label} across, {plan.y.label} down. Wheel: zoom; drag: move; Shift and drag: mark a rectangle; double click: all of it.
        </p>
        <Region region={region} onClear={() => setRegion(undefined)} />
      </Pictured>
    </>
  );
}

function ScatterPlot(props: { plan: Of<"scatter">; domain: string }): JSX.Element {
  const { plan, domain } = props;
  const [look, setLook] = useState<Look>({ map: "viridis", log: false, square: true });
  const wish = (path: string): Wish => ({ path, most: [MOST_SCATTERED] });
  const { arrays, error } = useArrays({ x: wish(plan.x.path), y: wish(plan.y.path), values: wish(plan.value.path) }, domain);
  if (!arrays) return <Waiting error={error} />;
  const values = arrays["values"]!.data;
  const levels = look.levels ?? autoLevels(values, look.log);
  return (
    <>
      <Problem error={error} />
      <Pictured look={look} levels={levels} onLook={setLook}>
        <Scatter x={arrays["x"]!.data} y={arrays["y"]!.data} values={values} levels={levels} log={look.log} map={look.map} square={look.square} label={plan.title} />
        <p class="faint">
          {plan.x.label} across, {plan.y.label} up.
        </p>
      </Pictured>
    </>
  );
}

function TablePlot(props: { plan: Of<"table">; domain: string }): JSX.Element {
  const { plan, domain } = props;
  const first = Math.max(0, plan.rows - MOST_ROWS);
  const wish = (one: Series): Wish => ({ path: one.path, select: `[${first}:]` });
  const { arrays, error } = useArrays(Object.fromEntries(plan.columns.map((one) => [one.path, wish(one)])), domain);
  if (!arrays) return <Waiting error={error} />;
  const columns = plan.columns.map((one) => arrays[one.path]?.data);
  const rows = Math.min(...columns.map((one) => one?.length ?? 0));
  return (
    <>
      <Problem error={error} />
      {first > 0 ? <p class="faint">The last {MOST_ROWS} of {plan.rows} rows, the newest on top.</p> : null}
      <div class="wide rows">
        <table>
          <thead>
            <tr>
              <th class="number">row</th>
              {plan.columns.map((one) => (
                <th class="number" key={one.path}>
                  {one.label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Array.from({ length: rows }, (_, place) => rows - 1 - place).map((row) => (
              <tr key={row}>
                <td class="number faint">{first + row}</td>
                {columns.map((one, place) => (
                  <td class="number" key={place}>
                    {Number.isNaN(one![row]!) ? "–" : rate(one![row])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

export function Plot(props: { plan: Plan; domain: string }): JSX.Element {
  const { plan, domain } = props;
  switch (plan.kind) {
    case "curves":
      return <CurvesPlot plan={plan} domain={domain} />;
    case "image":
      return <ImagePlot plan={plan} domain={domain} />;
    case "scatter":
      return <ScatterPlot plan={plan} domain={domain} />;
    case "table":
      return <TablePlot plan={plan} domain={domain} />;
    case "value":
      return <p class="value">{plan.value === null || plan.value === undefined ? "–" : String(plan.value)}</p>;
    case "group":
      return <Empty>A group; choose what is in it.</Empty>;
    case "none":
      return <Empty>{plan.why}</Empty>;
  }
}
