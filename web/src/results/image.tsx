/** An image of the results: the part that is seen is asked for in about as many pixels as the screen has, and drawn with its axes. */
import type { JSX } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { get } from "../api/client";
import { along } from "../plots/along";
import { Image } from "../plots/image";
import { autoLevels, usable } from "../plots/levels";
import { marked } from "../plots/overlay";
import { LookForm, Scale } from "../plots/scale";
import type { Box } from "../plots/view";
import { place, setQuery } from "../route";
import { Problem } from "../ui/parts";
import { useArrays, type Wish } from "./arrays";
import { choice, lookOf, lookQuery, planeOf, seenBox } from "./choices";
import { Nothing } from "./empty";
import { Sliders } from "./leading";
import { overlayFrom, overlayWishes } from "./overlaid";
import { allMissing, Parts, scaled, Waiting, type Of } from "./parts";
import { isKept, ratioOf } from "./proportion";
import { Region } from "./region";
import { cellText } from "./table";
import { windowOf } from "./wishes";
import { questionOf } from "./outline";

/** An element as the reducer writes it, as a person reads it: of whole numbers all digits. */
function exactText(text: string): string {
  if (/^-?\d+$/.test(text)) return BigInt(text).toLocaleString("en");
  return text === "nan" ? "not a number" : cellText(text);
}

const SCREEN = { width: 1000, height: 600 };

export function ImagePlot(props: { plan: Of<"image">; domain: string; run: string | undefined; events: string | undefined }): JSX.Element {
  const { plan, domain } = props;
  const query = place.value.query;
  const plane = planeOf(query.get("at"), plan.leading);
  const first = plan.leading.length;
  const told = plan.shape.slice(first, first + 2) as unknown as readonly [number, number];
  const graph = plan.x.path !== undefined && plan.y.path !== undefined;
  const [of, setOf] = choice("of");
  const [part] = choice("part");
  const signal = plan.signals.find((one) => one.path === of) ?? plan.signals[0]!;
  const [seen, setSeen] = seenBox();
  const [screen, setScreen] = useState(SCREEN);
  const [region, setRegion] = useState<Box>();
  const [marks, setMarks] = useState(false);
  const [exact, setExact] = useState<{ column: number; row: number; text: string }>();
  const pointed = useRef<string>("");

  const window = windowOf(told, plane, seen, screen, plan.bands !== undefined);
  const wish: Wish = { path: signal.path, most: window.most, by: "max", select: window.select, window, part: signal.complex ? part : undefined };
  const wishes: Record<string, Wish> = { image: wish };
  if (plan.x.path !== undefined) wishes["x"] = { path: plan.x.path };
  if (plan.y.path !== undefined) wishes["y"] = { path: plan.y.path };
  const overlaid = query.get("overlay") !== "0";
  const has = { points: plan.overlays.points !== undefined, circles: plan.overlays.circles !== undefined };
  if (overlaid) Object.assign(wishes, overlayWishes(plan.overlays, plane));
  const { arrays, error } = useArrays(wishes, domain);
  const overlay = useMemo(() => (overlaid ? overlayFrom(plan.overlays, arrays) : undefined), [arrays, overlaid]);
  const answer = arrays?.["image"];
  const image = useMemo(() => answer && { ...answer, data: scaled(answer.data, signal) }, [answer, signal.factor, signal.offset]);
  const missing = useMemo(() => image !== undefined && allMissing(image.data), [image]);
  // The array may have grown, or another run begun, since the tree was asked for.
  const now = answer?.whole.length === plan.shape.length ? answer.whole : plan.shape;
  const [rows, columns] = now.slice(first, first + 2) as [number, number];
  const xs = useMemo(() => along(columns, arrays?.["x"]?.data, plan.x.edges), [arrays?.["x"], columns]);
  const ys = useMemo(() => along(rows, arrays?.["y"]?.data, plan.y.edges), [arrays?.["y"], rows]);
  const ratio = ratioOf(plan.x, plan.y, xs, ys, columns, rows);
  const look = lookOf(query, { log: plan.log, square: isKept(ratio, columns, rows), up: graph && !plan.down });
  const auto = useMemo(() => image && autoLevels(image.data, look.log), [image, look.log]);
  const shown = answer?.wish.window;
  if (!image || !auto || !shown) return <Waiting error={error} />;
  const levels = usable(look.levels ?? auto, look.log);

  function ask(pixel: { column: number; row: number } | undefined): void {
    const key = pixel ? `${pixel.column},${pixel.row}` : "";
    pointed.current = key;
    if (!pixel || !shown || shown.block.rows * shown.block.columns === 1 || plan.bands || signal.factor !== undefined || signal.offset !== undefined) {
      return setExact(undefined);
    }
    const asked = new URLSearchParams({ path: signal.path, select: `[${[...plane, pixel.row, pixel.column].join(",")}]` });
    get<{ rows: string[][] }>(questionOf("elements", domain, asked)).then(
      (found) => {
        const text = found.rows[0]?.[0];
        if (pointed.current === key && text !== undefined) setExact({ ...pixel, text: exactText(text) });
      },
      () => setExact(undefined),
    );
  }
  const onLook = (next: typeof look): void => setQuery(lookQuery(next));
  return (
    <>
      <Problem error={error} />
      {plan.bands ? null : (
        <>
          <LookForm look={look} levels={levels} pixels={(ratio ?? 1) === 1} onLook={onLook}>
            {plan.signals.length > 1 ? (
              <label>
                signal{" "}
                <select value={signal.path} onChange={(event) => setOf(event.currentTarget.value)}>
                  {plan.signals.map((one) => (
                    <option key={one.path} value={one.path}>
                      {one.label}
                    </option>
                  ))}
                </select>
              </label>
            ) : null}
            {signal.complex ? <Parts /> : null}
            {has.points || has.circles ? (
              <label>
                <input type="checkbox" checked={overlaid} onChange={(event) => setQuery({ overlay: event.currentTarget.checked ? undefined : "0" })} />{" "}
                {[...(has.points ? [plan.overlays.points!.label] : []), ...(has.circles ? ["rings"] : [])].join(" and ")}
              </label>
            ) : null}
          </LookForm>
          <Scale levels={levels} map={look.map} log={look.log} units={signal.units} />
        </>
      )}
      <Sliders leading={plan.leading} plane={plane} domain={domain} />
      {missing ? <Nothing what="No element of it is a number yet." run={props.run} events={props.events} /> : null}
      <Image
        image={image}
        bands={plan.bands}
        block={shown.block}
        begins={shown.begins}
        levels={levels}
        log={look.log}
        map={look.map}
        square={look.square}
        ratio={ratio}
        up={(look.up ?? false) !== ys.falls}
        whole={{ x: 0, y: 0, width: columns, height: rows }}
        x={xs}
        y={ys}
        xLabel={plan.x.label}
        yLabel={plan.y.label}
        label={plan.title}
        units={signal.units}
        overlay={overlay}
        region={region}
        onRegion={setRegion}
        marks={marks}
        seen={seen}
        onSeen={setSeen}
        onSize={setScreen}
        exact={exact}
        onCursor={ask}
      />
      <Region kind="rectangle" region={region} onRegion={setRegion} marks={marks} onMarks={setMarks} />
      <p class="faint">
        {shown.block.rows * shown.block.columns > 1
          ? `Each pixel here is the largest of ${shown.block.columns} × ${shown.block.rows} of ${columns} × ${rows}; zoom in to see all. `
          : ""}
        {overlay?.marks ? `Circled: ${plan.overlays.points!.label}, ${marked(overlay.marks)} of them. ` : ""}
        Wheel or + and −: zoom. Drag or arrows: move. Double click or 0: all of it.
      </p>
    </>
  );
}
