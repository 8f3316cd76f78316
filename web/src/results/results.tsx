/** The results as they grow: what there is at the left, the right plot for it beside. */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { diagnosis, progress } from "../api/pipeline";
import { get } from "../api/client";
import { useWatched, watch } from "../api/watch";
import { place } from "../route";
import { Empty, Panel, Problem } from "../ui/parts";
import { capital } from "../health/sentence";
import { at, isGroup, isNumeric, text, type Group } from "./outline";
import { planOf } from "./plan";
import { Plot } from "./plots";
import { Branches } from "./tree";
import { listen, live, newest } from "./updates";

export function domainOf(run: string | undefined): string {
  return run ? `/runs/${run}` : "/";
}

function outlineOf(): Promise<Group> {
  const domain = domainOf(place.peek().query.get("run") ?? undefined);
  return get<Group>(`/results/api/v1/tree?domain=${encodeURIComponent(domain)}`);
}

const outline = watch(outlineOf, 1000);

/** What is looked at when nothing was chosen: the default of the tree, else its first group that can be plotted. */
function firstOf(root: Group): string {
  const shown = text(root, "default");
  if (shown !== undefined && root.children[shown]) return shown;
  const plotted = Object.entries(root.children).find(([, node]) => isGroup(node) && text(node, "signal"));
  return plotted?.[0] ?? Object.keys(root.children)[0] ?? "";
}

function Why(): JSX.Element {
  const now = useWatched(progress);
  const doctor = useWatched(diagnosis);
  const finding = doctor?.findings[0];
  if (finding) {
    return (
      <Empty>
        Nothing is published yet. {capital(finding.what)}. {capital(finding.do)}.
      </Empty>
    );
  }
  if (!now?.run) return <Empty>Nothing is published yet: no run has been armed.</Empty>;
  if (!now.reduced) return <Empty>Nothing is published yet: no event of this run has been reduced.</Empty>;
  return <Empty>The reducer has taken {now.reduced} events, and its publish is empty; what it puts there is shown here.</Empty>;
}

function Downloads(props: { root: Group; path: string; domain: string; run: string | undefined }): JSX.Element {
  const { root, path, domain, run } = props;
  const base = run ? `/results/api/v1/runs/${run}/result` : "/results/api/v1/result";
  const name = path.split("/").pop() || "results";
  const steps = path.split("/").filter(Boolean).map((step) => `['${step.replace(/['\\]/g, "\\$&")}']`);
  const json = `${base}/${encodeURIComponent(`$${steps.join("")}`)}?format=json`;
  return (
    <span class="downloads">
      <a href={json} download={`${name}.json`}>
        JSON
      </a>
      {isNumeric(at(root, path)) ? (
        <a href={`/results/api/v1/shown?${new URLSearchParams({ path, domain }).toString()}`} download={`${name}.npy`}>
          npy
        </a>
      ) : null}
      {run ? null : (
        <a href="/results/api/v1/file" download="results.h5">
          HDF5 (all)
        </a>
      )}
    </span>
  );
}

export function Results(): JSX.Element {
  const root = useWatched(outline);
  const run = place.value.query.get("run") ?? undefined;
  const domain = domainOf(run);
  useEffect(() => (run ? undefined : listen()), [run]);
  useEffect(() => outline.again(), [run]);
  const error = outline.error.value;
  if (!root || !Object.keys(root.children).length) {
    return (
      <Panel title="Results">
        <Problem error={error} />
        {root || error ? <Why /> : <Empty>Asking for the results…</Empty>}
      </Panel>
    );
  }
  const path = place.value.query.get("path") ?? firstOf(root);
  const plan = planOf(root, path);
  const version = run ? `of run ${run.slice(0, 8)}` : live.value ? <span title={`version ${newest.value?.version ?? ""}`}>live</span> : "not live";
  return (
    <div class="beside">
      <Panel title="Published" aside={version}>
        <Problem error={error} />
        <Branches group={root} path="" chosen={path} run={run} />
      </Panel>
      <Panel title={plan.title || "Results"} id="plot" aside={<Downloads root={root} path={path} domain={domain} run={run} />}>
        <Plot key={path} plan={plan} domain={domain} />
      </Panel>
    </div>
  );
}
