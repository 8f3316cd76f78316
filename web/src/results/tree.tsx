/** The publish tree as a list of names to choose from. */
import type { JSX } from "preact";
import { hashOf } from "../route";
import { brief, isGroup, join, type Group, type Node } from "./outline";

function Branch(props: { name: string; node: Node; path: string; chosen: string; run: string | undefined }): JSX.Element {
  const { name, node, path, chosen, run } = props;
  const link = (
    <a href={hashOf("results", { path, run })} aria-current={path === chosen ? "true" : undefined}>
      {name}
    </a>
  );
  if (!isGroup(node)) {
    return (
      <li>
        {link} <span class="faint">{brief(node)}</span>
      </li>
    );
  }
  return (
    <li>
      <details open={chosen === path || chosen.startsWith(path + "/")}>
        <summary>{link}</summary>
        <Branches group={node} path={path} chosen={chosen} run={run} />
      </details>
    </li>
  );
}

export function Branches(props: { group: Group; path: string; chosen: string; run: string | undefined }): JSX.Element {
  return (
    <ul class="tree">
      {Object.entries(props.group.children).map(([name, node]) => (
        <Branch key={name} name={name} node={node} path={join(props.path, name)} chosen={props.chosen} run={props.run} />
      ))}
    </ul>
  );
}
