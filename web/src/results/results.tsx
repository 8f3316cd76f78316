/** The results as they grow: what there is at the left, the right plot for it beside. */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { get, Refusal } from "../api/client";
import { useWatched, watch } from "../api/watch";
import { hashOf, place, setQuery } from "../route";
import { Boundary } from "../ui/boundary";
import { Empty, Panel, Problem } from "../ui/parts";
import { Downloads } from "./downloads";
import { Nothing } from "./empty";
import { signalOf } from "./nxdata";
import { at, domainOf, isGroup, questionOf, RULES, text, type Group } from "./outline";
import { Overview, overviewOf } from "./overview";
import { planOf, type Plan } from "./plan";
import { Plot } from "./plots";
import { Shadow } from "./shadow";
import { Branches } from "./tree";
import { listen, live, newest } from "./updates";

/** Of which domain a tree is: while another one is asked for, paths of this one mean nothing there. */
const domains = new WeakMap<Group, string>();

async function outlineOf(): Promise<Group> {
  const domain = domainOf(place.peek().query.get("run") ?? undefined);
  const found = await get<Group>(questionOf("tree", domain));
  domains.set(found, domain);
  return found;
}

const outline = watch(outlineOf, 1000);

/** What is looked at when nothing was chosen: the default of the tree, else its first group that can be plotted. */
function firstOf(root: Group): string {
  const shown = text(root, "default");
  if (shown !== undefined && at(root, shown)) return shown;
  const plotted = Object.entries(root.children).find(([, node]) => isGroup(node) && signalOf(node) !== undefined);
  return plotted?.[0] ?? Object.keys(root.children)[0] ?? "";
}

/** The events that are in what is shown, as the reducer notes them at each dataset; undefined where it does not. */
function eventsOf(root: Group, path: string, plan: Plan): string | undefined {
  const paths = plan.kind === "image" ? [plan.signals[0]!.path] : plan.kind === "curves" ? [plan.series[0]!.path] : plan.kind === "scatter" ? [plan.value.path] : plan.kind === "table" ? [plan.columns[0]!.path] : [path]; // prettier-ignore
  const noted = at(root, paths[0]!)?.attributes["coverage"];
  return typeof noted === "string" ? noted.replaceAll(",", ", ").replaceAll("-", " to ") : undefined;
}

/** What else it can be shown as. */
function Ways(props: { plan: Plan }): JSX.Element | null {
  const { plan } = props;
  if (plan.ways.length < 2) return null;
  return (
    <div class="ways" role="group" aria-label="Shown as">
      {[...plan.ways].sort().map((way) => (
        <button type="button" key={way} aria-pressed={way === plan.kind} onClick={() => setQuery({ as: way === plan.ways[0] ? undefined : way, see: undefined })}>
          {way}
        </button>
      ))}
    </div>
  );
}

function versionOf(run: string | undefined): JSX.Element | string {
  if (run === RULES) return "written by rules";
  if (run) return `of run ${run.slice(0, 8)}`;
  return live.value ? <span title={`version ${newest.value?.version ?? ""}`}>live</span> : "not live";
}

/** The way to what rules have written, and back. */
function Other(props: { run: string | undefined }): JSX.Element {
  const back = props.run === RULES;
  return (
    <p class="faint">
      <a href={hashOf("results", { run: back ? undefined : RULES })}>{back ? "what the reducer publishes" : "what rules have written"}</a>
    </p>
  );
}

/** What there is, to choose from. */
function Published(props: { root: Group; chosen: string; run: string | undefined; error: Error | undefined; version: JSX.Element | string }): JSX.Element {
  const { root, chosen, run } = props;
  return (
    <Panel title="Published" aside={props.version}>
      <Problem error={props.error} />
      {overviewOf(root).length ? (
        <p class="tree">
          <a href={hashOf("results", { run })} aria-current={chosen === "" ? "true" : undefined}>
            overview
          </a>
        </p>
      ) : null}
      <Branches group={root} path="" chosen={chosen} run={run} />
      <Other run={run} />
    </Panel>
  );
}

export function Results(): JSX.Element {
  const known = useWatched(outline);
  const run = place.value.query.get("run") ?? undefined;
  const domain = domainOf(run);
  const root = known && domains.get(known) === domain ? known : undefined;
  useEffect(() => (run ? undefined : listen()), [run]);
  useEffect(() => outline.again(), [run]);
  const error = outline.error.value;
  if (!root || !Object.keys(root.children).length) {
    // Before the first run the reducer has nothing to answer with, and says so.
    const unknown = error !== undefined && !(error instanceof Refusal && error.status === 404);
    return (
      <Panel title="Results" id="plot">
        {unknown || run ? <Problem error={error} /> : null}
        {root || error ? <Nothing what="Nothing is published yet." run={run} /> : <Empty>Asking for the results…</Empty>}
      </Panel>
    );
  }
  const query = place.value.query;
  const seen = overviewOf(root);
  const asked = query.get("path") ?? undefined;
  if (asked === undefined && seen.length) {
    return (
      <div class="beside">
        <Published root={root} chosen="" run={run} error={error} version={versionOf(run)} />
        <div class="both">
          <Overview root={root} folder="" paths={seen} domain={domain} run={run} />
          {run ? null : <Shadow path="" />}
        </div>
      </div>
    );
  }
  const path = asked ?? firstOf(root);
  const plan = planOf(root, path, query.get("as") ?? undefined);
  const events = eventsOf(root, path, plan);
  return (
    <div class="beside">
      <Published root={root} chosen={path} run={run} error={error} version={versionOf(run)} />
      <div class="both">
        <Panel title={plan.title || "Results"} id="plot" aside={<Downloads plan={plan} path={path} domain={domain} run={run} />}>
          <Ways plan={plan} />
          <Boundary key={`${run} ${path} ${plan.kind}`}>
            <Plot plan={plan} whose={{ root, domain, run, events }} />
          </Boundary>
          {events && plan.kind !== "none" && plan.kind !== "group" ? <p class="faint">The result of events {events}.</p> : null}
        </Panel>
        {run ? null : <Shadow path={path} as={query.get("as") ?? undefined} />}
      </div>
    </div>
  );
}
