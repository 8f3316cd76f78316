/**
 * What an analysis wants to be seen beside each other: the parts of a group that its attribute `overview` names, each with a link to its own view.
 * That of the whole tree is what is seen first.
 */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { along, COUNTED } from "../plots/along";
import { autoLevels, usable } from "../plots/levels";
import { middles } from "../plots/columns";
import { Curves } from "../plots/curves";
import { marked } from "../plots/overlay";
import { Thumb } from "../plots/thumb";
import { hashOf } from "../route";
import { Boundary } from "../ui/boundary";
import { Empty, Panel } from "../ui/parts";
import { useArrays, type Wish } from "./arrays";
import { at, isGroup, join, texts, type Group } from "./outline";
import { overlayFrom, overlayWishes } from "./overlaid";
import { scaled, Waiting, type Of } from "./parts";
import { planOf, type Plan } from "./plan";
import { isKept, ratioOf } from "./proportion";
import { GroupList, ValuePlot } from "./simple";

/** Pixels of an image that is asked for, along each side. */
const PIXELS = 700;
const SMALL_PIXELS = 256;
const MOST_POINTS = 2000;
/** Images of a stack that are shown beside each other. */
const MOST_IMAGES = 12;

/** The paths below a group that its overview names and that are there; empty where it has none. */
export function overviewOf(group: Group): string[] {
  return texts(group, "overview").filter((path) => at(group, path) !== undefined);
}

export function Overview(props: { root: Group; folder: string; paths: readonly string[]; domain: string; run: string | undefined }): JSX.Element {
  const { root, folder, domain, run } = props;
  return (
    <div class="overview">
      {props.paths.map((below) => {
        const path = join(folder, below);
        const plan = planOf(root, path);
        return (
          <Panel key={path} title={plan.title || path} aside={<a href={hashOf("results", { path, run })}>larger</a>}>
            <Boundary>
              <Tile plan={plan} domain={domain} run={run} />
            </Boundary>
          </Panel>
        );
      })}
    </div>
  );
}

function Tile(props: { plan: Plan; domain: string; run: string | undefined }): JSX.Element {
  const { plan, domain, run } = props;
  switch (plan.kind) {
    case "image":
      return plan.leading.length > 1 || plan.bands ? <Empty>To be seen by itself.</Empty> : <ImageTile plan={plan} domain={domain} />;
    case "curves":
      return plan.leading.length ? <Empty>To be seen by itself.</Empty> : <CurvesTile plan={plan} domain={domain} />;
    case "value":
      return <ValuePlot plan={plan} domain={domain} />;
    case "group":
      return <GroupList plan={{ ...plan, group: { ...plan.group, children: Object.fromEntries(Object.entries(plan.group.children).filter(([, node]) => !isGroup(node))) } }} run={run} />; // prettier-ignore
    case "none":
      return <Empty>{plan.why}</Empty>;
    default:
      return <Empty>To be seen by itself.</Empty>;
  }
}

/** One image, or the images of a stack. */
function ImageTile(props: { plan: Of<"image">; domain: string }): JSX.Element {
  const { plan, domain } = props;
  const stack = plan.leading[0];
  const signal = plan.signals[0]!;
  const [rows, columns] = plan.shape.slice(-2) as [number, number];
  const most = stack ? SMALL_PIXELS : PIXELS;
  const wishes: Record<string, Wish> = {
    image: { path: signal.path, most: [most, most], by: "max", select: stack && stack.length > MOST_IMAGES ? `[:${MOST_IMAGES},:,:]` : undefined },
    ...overlayWishes(plan.overlays, undefined),
    ...(plan.x.path !== undefined && plan.y.path !== undefined ? { x: { path: plan.x.path }, y: { path: plan.y.path } } : {}),
    ...(stack?.axis.path !== undefined ? { which: { path: stack.axis.path } } : {}),
  };
  const { arrays, error } = useArrays(wishes, domain);
  const answer = arrays?.["image"];
  const images = useMemo(() => {
    if (!answer) return [];
    const [high, wide] = answer.shape.slice(-2) as [number, number];
    const data = scaled(answer.data, signal);
    return Array.from({ length: data.length / (high * wide) }, (_, index) => ({ data: data.subarray(index * high * wide, (index + 1) * high * wide), shape: [high, wide] }));
  }, [answer]);
  const overlays = useMemo(() => images.map((_, index) => overlayFrom(plan.overlays, arrays, stack ? index : undefined)), [arrays, images]);
  const axes = useMemo(() => {
    if (!arrays?.["x"] || !arrays["y"]) return undefined;
    const [x, y] = [along(columns, arrays["x"].data, plan.x.edges), along(rows, arrays["y"].data, plan.y.edges)];
    return { x, y, xLabel: plan.x.label, yLabel: plan.y.label };
  }, [arrays, rows, columns]);
  if (!answer) return <Waiting error={error} />;
  const ratio = ratioOf(plan.x, plan.y, axes?.x ?? COUNTED, axes?.y ?? COUNTED, columns, rows);
  return (
    <div class={stack ? "thumbs" : "one"}>
      {images.map((image, index) => {
        const levels = usable(autoLevels(image.data, plan.log), plan.log);
        const which = arrays?.["which"]?.data[index];
        const count = marked(overlays[index]?.marks);
        const said = [...(stack ? [`${stack.axis.label} ${which ?? index}`] : []), ...(plan.overlays.points ? [`${plan.overlays.points.label}: ${count}`] : [])].join(", ");
        return (
          <figure key={index}>
            <Thumb
              image={image}
              levels={levels}
              log={plan.log}
              whole={{ x: 0, y: 0, width: columns, height: rows }}
              square={isKept(ratio, columns, rows)}
              ratio={ratio ?? 1}
              up={axes !== undefined && plan.down === axes.y.falls}
              axes={axes}
              overlay={overlays[index] ?? {}}
              small={stack !== undefined}
              label={`${plan.title} ${said}`.trim()}
            />
            {said ? <figcaption>{said}</figcaption> : null}
          </figure>
        );
      })}
    </div>
  );
}

function CurvesTile(props: { plan: Of<"curves">; domain: string }): JSX.Element {
  const { plan, domain } = props;
  const block = Math.ceil(plan.shape[0]! / MOST_POINTS);
  const wishes: Record<string, Wish> = Object.fromEntries(plan.series.map((one, index) => [`y${index}`, { path: one.path, most: [MOST_POINTS] }]));
  if (plan.x.path !== undefined) wishes["x"] = plan.x.edges && block > 1 ? { path: plan.x.path, select: `[::${block}]` } : { path: plan.x.path, most: [MOST_POINTS] };
  const { arrays, error } = useArrays(wishes, domain);
  const curves = useMemo(
    () => arrays && plan.series.map((one, index) => ({ label: one.label, values: scaled(arrays[`y${index}`]!.data, one) })),
    [arrays],
  );
  const time = plan.x.time;
  const counted = arrays?.["y0"]?.whole.at(-1) ?? plan.shape[0]!;
  const x = useMemo(() => {
    const found = arrays?.["x"]?.data;
    if (plan.x.path === undefined) return middles(counted, MOST_POINTS);
    return found && time !== undefined ? Float64Array.from(found, (one) => one * time) : found;
  }, [arrays?.["x"], plan.x.path, time, counted]);
  if (!arrays || !curves) return <Waiting error={error} />;
  return <Curves x={x} edges={plan.x.edges === true} time={time !== undefined} xLabel={plan.x.label} yLabel={plan.y} log={plan.log} curves={curves} />;
}
