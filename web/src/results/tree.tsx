/** The publish tree as a list of names to choose from; groups open and close. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { hashOf } from "../route";
import { brief, isGroup, join, type Group, type Node } from "./outline";

interface BranchProps {
  readonly name: string;
  readonly node: Node;
  readonly path: string;
  readonly chosen: string;
  readonly run: string | undefined;
}

function Name(props: BranchProps): JSX.Element {
  const { name, path, chosen, run } = props;
  return (
    <a href={hashOf("results", { path, run })} aria-current={path === chosen ? "true" : undefined}>
      {name}
    </a>
  );
}

function Folder(props: BranchProps & { group: Group }): JSX.Element {
  const { name, group, path, chosen, run } = props;
  const leads = chosen === path || chosen.startsWith(path + "/");
  // As somebody left it, until something else is chosen.
  const [turned, setTurned] = useState<boolean>();
  useEffect(() => setTurned(undefined), [leads]);
  const open = turned ?? leads;
  return (
    <li>
      <div class="branch">
        <button type="button" class="twist" aria-expanded={open} aria-label={`${open ? "close" : "open"} ${name}`} onClick={() => setTurned(!open)}>
          {open ? "▾" : "▸"}
        </button>
        <Name {...props} />
      </div>
      {open ? <Branches group={group} path={path} chosen={chosen} run={run} /> : null}
    </li>
  );
}

export function Branches(props: { group: Group; path: string; chosen: string; run: string | undefined }): JSX.Element {
  return (
    <ul class="tree">
      {Object.entries(props.group.children).map(([name, node]) => {
        const one = { name, node, path: join(props.path, name), chosen: props.chosen, run: props.run };
        if (isGroup(node)) return <Folder key={name} {...one} group={node} />;
        return (
          <li key={name}>
            <Name {...one} /> <span class="faint">{brief(node)}</span>
          </li>
        );
      })}
    </ul>
  );
}
