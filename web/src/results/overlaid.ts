/** The arrays of what is drawn over an image. */
import type { Overlay } from "../plots/overlay";
import type { Answer, Wish } from "./arrays";
import type { Overlays } from "./overlays";

/** What is to be asked for; `plane`: the chosen image of a stack, all of them without it. */
export function overlayWishes(overlays: Overlays, plane: readonly number[] | undefined): Record<string, Wish> {
  const { points, circles } = overlays;
  const select = plane?.length ? `[${[...plane, ":"].join(",")}]` : undefined;
  return {
    ...(points ? { overlay_x: { path: points.x, select }, overlay_y: { path: points.y, select } } : {}),
    ...(circles ? { overlay_centre: { path: circles.centre }, overlay_radius: { path: circles.radius } } : {}),
    ...(circles?.name !== undefined ? { overlay_name: { path: circles.name } } : {}),
  };
}

/** What has come of it; `index`: which image of a stack, where the places of all were asked for. */
export function overlayFrom(overlays: Overlays, arrays: Record<string, Answer> | undefined, index?: number): Overlay {
  const { points, circles } = overlays;
  const [x, y] = [arrays?.["overlay_x"], arrays?.["overlay_y"]];
  const [centre, radius] = [arrays?.["overlay_centre"], arrays?.["overlay_radius"]];
  const of = (answer: Answer): ArrayLike<number> => {
    if (index === undefined) return answer.data;
    const most = answer.shape.at(-1)!;
    return answer.data.subarray(index * most, (index + 1) * most);
  };
  return {
    marks: points && x && y ? { x: of(x), y: of(y) } : undefined,
    rings: circles && centre && radius ? { row: centre.data[0]!, column: centre.data[1]!, radius: radius.data, names: arrays?.["overlay_name"]?.data, units: circles.units } : undefined, // prettier-ignore
  };
}
