/** What needs no plot: a single value, and what is in a group. */
import type { JSX } from "preact";
import { hashOf } from "../route";
import { Empty, Problem } from "../ui/parts";
import { brief, isGroup, join, text, type Node } from "./outline";
import type { Of } from "./parts";
import { cellText } from "./table";
import { elementsAddress, useTexts } from "./texts";

export function ValuePlot(props: { plan: Of<"value">; domain: string }): JSX.Element {
  const { plan, domain } = props;
  const paths = [plan.path];
  const { texts, error } = useTexts(elementsAddress(paths, domain), paths, domain);
  const found = texts?.rows[0] ?? [];
  const isText = typeof plan.value === "string";
  return (
    <>
      <Problem error={error} />
      {found.length > 1 ? (
        <dl class="values">
          {found.map((one, place) => (
            <div key={place}>
              <dt>{texts!.columns[place]}</dt>
              <dd title={one}>{cellText(one)}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <p class={isText && (found[0]?.length ?? 0) > 40 ? "long" : "value"} title={found[0]}>
          {found[0] === undefined ? "–" : isText ? found[0] || "an empty text" : found[0] === "nan" ? "not a number" : cellText(found[0])}
          {plan.units && found[0] !== undefined ? ` ${plan.units}` : ""}
        </p>
      )}
    </>
  );
}

/** What is in a group, with the values that are single ones. */
export function GroupList(props: { plan: Of<"group">; run: string | undefined }): JSX.Element {
  const { path, group } = props.plan;
  const children = Object.entries(group.children);
  if (!children.length) return <Empty>An empty group: nothing is in it yet.</Empty>;
  return (
    <dl class="values">
      {children.map(([name, node]) => (
        <div key={name}>
          <dt>
            <a href={hashOf("results", { path: join(path, name), run: props.run })}>{name}</a>
          </dt>
          <dd>{told(node)}</dd>
        </div>
      ))}
    </dl>
  );
}

function told(node: Node): string {
  if (isGroup(node)) {
    const names = Object.keys(node.children);
    return names.length ? `a group of ${names.slice(0, 4).join(", ")}${names.length > 4 ? " and more" : ""}` : "an empty group";
  }
  const units = text(node, "units");
  return brief(node) + (units && node.shape?.length === 0 ? ` ${units}` : "");
}
