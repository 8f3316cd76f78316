/** The first events of a trigger map as a picture: streams as rows, events as columns, equal numbers for the same worker. */
import type { JSX } from "preact";
import type { ShownPlan } from "../api/answers";
import { count } from "../ui/format";
import { Wide } from "../ui/wide";

const COLOURS = 6;
const NUMBER = /^\d+$/;

function Cell(props: { text: string; begins: boolean }): JSX.Element {
  const { text, begins } = props;
  const kind = text === "none" ? "none" : NUMBER.test(text) ? `c${Number(text) % COLOURS}` : text === "all" ? "all" : "several";
  const says = text === "none" ? "no packet" : text === "all" ? "all workers" : text === "∅" ? "a packet that nobody wants" : `constraint ${text}`;
  return (
    <td class={`${kind} ${begins ? "begins" : ""}`} title={says}>
      {text === "none" ? "–" : text.replace(/[{}]/g, "")}
    </td>
  );
}

export function Preview(props: { plan: ShownPlan }): JSX.Element {
  const { plan } = props;
  const left = plan.total_events === null ? undefined : plan.total_events - plan.shown.length;
  return (
    <figure class="map">
      <Wide label="the trigger map">
        <table>
          <thead>
            <tr>
              <th scope="col">event</th>
              {plan.shown.map((one) => (
                <th key={one.event} scope="col" class={one.begins ? "begins" : ""}>
                  {one.event}
                </th>
              ))}
              {left === 0 ? null : <th>…</th>}
            </tr>
          </thead>
          <tbody>
            {plan.streams.map((stream, row) => (
              <tr key={stream}>
                <th scope="row">{stream}</th>
                {plan.shown.map((one) => (
                  <Cell key={one.event} text={one.cells[row] ?? ""} begins={one.begins} />
                ))}
                {left === 0 ? null : <td>…</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
      <figcaption class="faint">
        {left === undefined ? "and so on, until it is stopped" : left ? `and ${count(left)} more` : `${count(plan.total_events)} events in all`}. Equal numbers between two lines go to the same worker; “all”: every
        worker; “–”: no packet.
      </figcaption>
    </figure>
  );
}
