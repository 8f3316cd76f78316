/** The colours of the weave: of the page for what became of events, and colours that colour-blind people tell apart for workers. */
import type { RunWeave } from "./answer";

// The schemes "muted" and "light" of Paul Tol (personal.sron.nl/~pault), in an order in which neighbours differ in brightness.
const LIGHT = ["#332288", "#ddcc77", "#44aa99", "#cc6677", "#88ccee", "#882255", "#117733", "#999933", "#aa4499"];
const DARK = ["#77aadd", "#eedd88", "#44bb99", "#ee8866", "#99ddff", "#ffaabb", "#bbcc33", "#aaaa00", "#dddddd"];

/** What a worker is painted with: beyond nine of them, colours come again with stripes. */
export interface Paint {
  readonly colour: string;
  readonly striped: boolean;
  /** What is written on it. */
  readonly ink: string;
  /** One to three letters that stand for its name. */
  readonly short: string;
}

/** The end of a name by which workers of a pipeline differ: the number, or else the first letters. */
export function shortOf(name: string): string {
  return /(\d{1,3})\D*$/.exec(name)?.[1] ?? name.slice(0, 2);
}

function inkOn(colour: string): string {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.3 * red! + 0.59 * green! + 0.11 * blue! > 140 ? "#14181d" : "#ffffff";
}

/** The paint of each worker's name: the lives of one have the same, and it does not change when others come. */
export function paints(workers: RunWeave["workers"], dark: boolean): Map<string, Paint> {
  const colours = dark ? DARK : LIGHT;
  const names = [...new Set(workers.map((one) => one.name))];
  return new Map(
    names.map((name, number) => {
      const colour = colours[number % colours.length]!;
      return [name, { colour, striped: number >= colours.length, ink: inkOn(colour), short: shortOf(name) }];
    }),
  );
}

export const THEME = ["ink", "paper", "faint", "line", "track", "accent", "good", "warning", "trouble"] as const;
export type Theme = Record<(typeof THEME)[number], string>;

/** The colours of the page as they are now, in a form that a canvas takes. */
export function themeOf(element: HTMLElement): Theme {
  const probe = document.createElement("i");
  element.append(probe);
  const found = {} as Theme;
  for (const name of THEME) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

/** Whether the page is dark: its paper, as it is. */
export function isDark(theme: Theme): boolean {
  const numbers = theme.paper.match(/[\d.]+/g)?.slice(0, 3).map(Number) ?? [255, 255, 255];
  return numbers.reduce((sum, one) => sum + one, 0) < 384;
}
