/** What the shadow publishes, below what the run has at the same path: both analyses side by side. */
import type { JSX } from "preact";
import { get } from "../api/client";
import type { ShadowTold } from "../api/answers";
import { shadow } from "../api/pipeline";
import { useWatched, watch } from "../api/watch";
import { count } from "../ui/format";
import { Boundary } from "../ui/boundary";
import { Empty, Panel, Problem } from "../ui/parts";
import { at, questionOf, SHADOW, type Group } from "./outline";
import { Overview, overviewOf } from "./overview";
import { planOf } from "./plan";
import { Plot } from "./plots";

const outline = watch(() => get<Group>(questionOf("tree", SHADOW)), 1000);

/** What there is to know before one compares: of how many events it is the result, and of what it is not. */
export function saidOf(told: ShadowTold): string {
  const { copies, failed, lost, problem } = told.copied;
  if (told.fault) return `It gets no copies: ${told.fault}`;
  if (problem) return `It cannot begin with the run: ${problem}`;
  const share = `${told.worker} over ${Number((100 * told.sample).toPrecision(3))} % of the events`;
  if (copies === undefined) return `${share}; it waits for a run.`;
  const faults = [failed ? `${count(failed)} failed` : "", lost ? `${count(lost)} lost, as it was too slow` : ""].filter(Boolean);
  return `${share}: ${count(copies)} copies${faults.length ? `, ${faults.join(", ")}` : ""}.`;
}

function Published(props: { path: string; as: string | undefined }): JSX.Element {
  const { path } = props;
  const root = useWatched(outline);
  if (!root) return outline.error.value ? <Problem error={outline.error.value} /> : <Empty>Asking for its results…</Empty>;
  if (path === "") return <Overview root={root} folder="" paths={overviewOf(root)} domain={SHADOW} run={undefined} />;
  if (!at(root, path)) return <Empty>It publishes nothing at {path}.</Empty>;
  const plan = planOf(root, path, props.as);
  return (
    <Boundary key={`${path} ${plan.kind}`}>
      <Plot plan={plan} whose={{ root, domain: SHADOW, run: undefined, events: undefined }} />
    </Boundary>
  );
}

/** Nothing where there is no shadow. */
export function Shadow(props: { path: string; as?: string | undefined }): JSX.Element | null {
  const told = useWatched(shadow)?.shadow;
  if (!told) return null;
  return (
    <Panel title={`Shadow: ${told.name}`} id="shadow">
      <p class="faint">{saidOf(told)}</p>
      {told.fault || told.copied.run === undefined ? null : <Published path={props.path} as={props.as} />}
    </Panel>
  );
}
