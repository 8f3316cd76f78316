/** Sliders for the dimensions before those that are plotted: one element of each is seen, the newest one until another is chosen. */
import type { JSX } from "preact";
import { figure } from "../plots/figure";
import { setQuery } from "../route";
import { useArrays, type Wish } from "./arrays";
import { usualOf } from "./choices";
import type { Leading } from "./plan";

export function Sliders(props: { leading: readonly Leading[]; plane: readonly number[]; domain: string }): JSX.Element | null {
  const { leading, plane, domain } = props;
  const wishes: Record<string, Wish> = {};
  leading.forEach(({ axis }, place) => {
    if (axis.path !== undefined) wishes[place] = { path: axis.path };
  });
  const { arrays } = useArrays(wishes, domain);
  if (!leading.length) return null;
  function choose(place: number, value: number | undefined): void {
    const next = plane.map((one, other) => (other === place ? (value ?? -1) : one));
    setQuery({ at: next.every((one, other) => one === usualOf(leading[other]!)) ? undefined : next.join(",") });
  }
  return (
    <>
      {leading.map(({ length, axis, newestFirst }, place) => {
        const chosen = plane[place]!;
        const shown = chosen < 0 ? length - 1 : chosen;
        const position = arrays?.[place]?.data[shown];
        return (
          <div class="plane" key={place}>
            <label>
              {axis.label}{" "}
              <input type="range" min={0} max={length - 1} value={shown} onInput={(event) => choose(place, Number(event.currentTarget.value))} />
            </label>
            <span class="number">
              {shown} of 0 to {length - 1}
              {position === undefined ? "" : `: ${figure(position)}`}
            </span>
            {newestFirst ? (
              <span class="faint">0 is the newest</span>
            ) : (
              <label>
                <input type="checkbox" checked={chosen < 0} onChange={(event) => choose(place, event.currentTarget.checked ? undefined : shown)} /> the last
              </label>
            )}
          </div>
        );
      })}
    </>
  );
}
