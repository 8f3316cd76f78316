/** A table of texts: the newest rows on top, or those that somebody goes to. */
import type { JSX } from "preact";
import { figure } from "../plots/figure";
import { place, setQuery } from "../route";
import { Problem } from "../ui/parts";
import { numbersOf, planeOf } from "./choices";
import { Sliders } from "./leading";
import { Waiting, type Of } from "./parts";
import { elementsAddress, useTexts } from "./texts";
import { Wide } from "../ui/wide";

const MOST_ROWS = 200;
const MOST_COLUMNS = 40;

const SPECIAL: Record<string, string> = { nan: "–", NaT: "–", inf: "∞", "-inf": "−∞", True: "true", False: "false" };

/** Numbers to six digits, with all of them in the hint; everything else as it is. */
export function cellText(text: string): string {
  const special = SPECIAL[text];
  return special ?? (REAL.test(text) ? figure(Number(text)) : text);
}

const REAL = /^-?\d+(\.\d*(e[+-]?\d+)?|e[+-]?\d+)$/;
const NUMBER = /^(-?\d.*|nan|-?inf|\(.*j\))$/;

export function TablePlot(props: { plan: Of<"table">; domain: string }): JSX.Element {
  const { plan, domain } = props;
  const query = place.value.query;
  const paths = plan.columns.map((one) => one.path);
  const plane = planeOf(query.get("at"), plan.leading);
  const length = plan.shape[plan.leading.length]!;
  const wide = plan.shape.length > 1 ? plan.shape.at(-1)! : 0;
  const [from] = numbersOf(query.get("row"), 1) ?? [];
  const first = from === undefined ? undefined : Math.min(Math.max(0, Math.floor(from)), Math.max(0, length - 1));
  const rows = first === undefined ? `${Math.max(0, length - MOST_ROWS)}:` : `${first}:${Math.min(length, first + MOST_ROWS)}`;
  const select = `[${[...plane, rows, ...(wide ? [`0:${Math.min(wide, MOST_COLUMNS)}`] : [])].join(",")}]`;
  const isSimple = first === undefined && !plane.length && !wide;
  const { texts, error } = useTexts(elementsAddress(paths, domain, isSimple ? { last: String(MOST_ROWS) } : { select }), paths, domain);
  if (!texts) return <Waiting error={error} />;
  const begin = isSimple ? texts.first : (first ?? Math.max(0, length - MOST_ROWS));
  const order = texts.rows.map((_, index) => (first === undefined ? texts.rows.length - 1 - index : index));
  const numeric = texts.columns.map((_, place) => texts.rows.every((row) => NUMBER.test(row[place]!)));
  const kind = (place: number): string => (numeric[place] ? "number" : "");
  const names = wide ? texts.columns.map((_, index) => String(index)) : plan.columns.length === texts.columns.length ? plan.columns.map(heading) : texts.columns.map((one) => one.split(".").pop()!);
  const go = (row: number | undefined): void => setQuery({ row: row === undefined ? undefined : String(Math.max(0, row)) });
  return (
    <>
      <Problem error={error} />
      <Sliders leading={plan.leading} plane={plane} domain={domain} />
      {length > MOST_ROWS ? (
        <div class="filters">
          <span class="faint">
            rows {begin} to {begin + texts.rows.length - 1} of 0 to {length - 1}
            {first === undefined ? ", the newest on top" : ""}
          </span>
          <button type="button" disabled={begin === 0} onClick={() => go(begin - MOST_ROWS)}>
            earlier
          </button>
          <button type="button" disabled={first === undefined || begin + MOST_ROWS >= length} onClick={() => go(begin + MOST_ROWS)}>
            later
          </button>
          <button type="button" disabled={first === undefined} onClick={() => go(undefined)}>
            the newest
          </button>
        </div>
      ) : null}
      {wide > MOST_COLUMNS ? <p class="faint">The first {MOST_COLUMNS} of {wide} columns; the download has all.</p> : null}
      <Wide label="the table" class="rows">
        <table>
          <thead>
            <tr>
              <th class="number">row</th>
              {names.map((name, place) => (
                <th class={kind(place)} key={place}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {order.map((index) => (
              <tr key={begin + index}>
                <td class="number faint">{begin + index}</td>
                {texts.rows[index]!.map((one, place) => (
                  <td class={kind(place)} key={place} title={one}>
                    {cellText(one)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
    </>
  );
}

function heading(one: { label: string; units: string }): string {
  return one.units ? `${one.label} (${one.units})` : one.label;
}
