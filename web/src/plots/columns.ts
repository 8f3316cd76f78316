/** The columns of a plot of curves: of one length, over x that ascends, without what cannot be drawn. */
import type { Numbers } from "./npy";

export interface Column {
  readonly values: Numbers;
  readonly errors?: Numbers | undefined;
}

export interface Columns {
  readonly x: number[];
  /** For each curve its values, and where it has errors its upper and lower edge. */
  readonly y: (number | null)[][];
  /** x did not ascend: the points were put in its order. */
  readonly sorted: boolean;
  /** Points without a place on the axis. */
  readonly placeless: number;
}

/**
 * Where the points of a curve lie whose elements are only counted, and of which so many at the most were asked for: in the middle of those that
 * each one is the mean of. Undefined where there is a point for each element.
 */
export function middles(elements: number, most: number): Float64Array | undefined {
  const step = Math.ceil(elements / most);
  if (!(step > 1)) return undefined;
  return Float64Array.from({ length: Math.ceil(elements / step) }, (_, index) => (index * step + Math.min((index + 1) * step, elements) - 1) / 2);
}

/** `edges`: x has one number more than the values, which are then steps between them. `log`: of what is above 0. */
export function columnsOf(x: Numbers | undefined, curves: readonly Column[], log: boolean, edges = false): Columns {
  const shortest = Math.min(...curves.map((one) => one.values.length));
  const length = Number.isFinite(shortest) ? Math.max(0, x ? Math.min(shortest, x.length - (edges ? 1 : 0)) : shortest) : 0;
  const places = Array.from({ length: edges && x && length ? length + 1 : length }, (_, index) => (x ? x[index]! : index));
  const order = places.map((_, index) => index).filter((index) => Number.isFinite(places[index]!));
  const ascends = order.every((index, rank) => rank === 0 || places[index]! >= places[order[rank - 1]!]!);
  if (!ascends) order.sort((one, other) => places[one]! - places[other]! || one - other);
  // The value of a step stands at its left edge; where edges fall, that is the second one. The last edge ends the last step.
  const falls = edges && !ascends;
  const indexOf = (index: number): number => Math.min(Math.max(falls ? index - 1 : index, 0), length - 1);
  const column = (value: (index: number) => number): (number | null)[] =>
    order.map((index) => {
      const one = value(edges ? indexOf(index) : index);
      return Number.isFinite(one) && (!log || one > 0) ? one : null;
    });
  const y = curves.flatMap(({ values, errors }) => [
    column((index) => values[index]!),
    ...(errors ? [1, -1].map((sign) => column((index) => values[index]! + sign * (errors[index] ?? NaN))) : []),
  ]);
  return { x: order.map((index) => places[index]!), y, sorted: !ascends && !edges, placeless: places.length - order.length };
}
