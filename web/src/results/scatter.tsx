/** Values of the results at scattered places. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { autoLevels, usable } from "../plots/levels";
import { LookForm, Scale } from "../plots/scale";
import { Scatter, withoutPlace } from "../plots/scatter";
import { place, setQuery } from "../route";
import { Problem } from "../ui/parts";
import { useArrays, type Wish } from "./arrays";
import { choice, lookOf, lookQuery, seenBox } from "./choices";
import { Nothing } from "./empty";
import { allMissing, Parts, scaled, Waiting, type Of } from "./parts";
import { thinned } from "./wishes";

const MOST_POINTS = 50_000;

export function ScatterPlot(props: { plan: Of<"scatter">; domain: string; run: string | undefined; events: string | undefined }): JSX.Element {
  const { plan, domain } = props;
  const look = lookOf(place.value.query, { log: plan.log, square: false, up: !plan.down });
  const [part] = choice("part");
  const [seen, setSeen] = seenBox();
  const count = plan.shape.reduce((product, length) => product * length, 1);
  const every = thinned(count, MOST_POINTS);
  const select = every > 1 ? `[${["::" + every, ...plan.shape.slice(1).map(() => ":")].join(",")}]` : undefined;
  const wish = (path: string): Wish => ({ path, select });
  const complex = plan.value.complex ? { part } : {};
  const { arrays, error } = useArrays({ x: wish(plan.x.path), y: wish(plan.y.path), values: { ...wish(plan.value.path), ...complex } }, domain);
  const answer = arrays?.["values"];
  const values = useMemo(() => answer && scaled(answer.data, plan.value), [answer, plan.value.factor, plan.value.offset]);
  const auto = useMemo(() => values && autoLevels(values, look.log), [values, look.log]);
  if (!arrays || !values || !auto) return <Waiting error={error} />;
  const levels = usable(look.levels ?? auto, look.log);
  const placeless = withoutPlace(arrays["x"]!.data, arrays["y"]!.data);
  return (
    <>
      <Problem error={error} />
      <LookForm look={look} levels={levels} pixels={false} onLook={(next) => setQuery(lookQuery(next))}>
        {plan.value.complex ? <Parts /> : null}
      </LookForm>
      <Scale levels={levels} map={look.map} log={look.log} units={plan.value.units} />
      {allMissing(values) ? <Nothing what="No element of it is a number yet." run={props.run} events={props.events} /> : null}
      <Scatter
        xs={arrays["x"]!.data}
        ys={arrays["y"]!.data}
        values={values}
        levels={levels}
        log={look.log}
        map={look.map}
        square={look.square}
        up={look.up ?? true}
        xLabel={plan.x.label}
        yLabel={plan.y.label}
        label={plan.title}
        units={plan.value.units}
        seen={seen}
        onSeen={setSeen}
      />
      <p class="faint">
        {placeless ? `${placeless} points have no place and are left out. ` : ""}
        {every > 1 ? `Every ${every}th of ${count} points is shown. ` : ""}Wheel or + and −: zoom. Drag or arrows: move. Double click or 0: all of it.
      </p>
    </>
  );
}
