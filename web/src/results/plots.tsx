/** What shows each kind of plan. */
import type { JSX } from "preact";
import "../plots/plots.css";
import { Empty } from "../ui/parts";
import { CurvesPlot } from "./curves";
import { Nothing } from "./empty";
import { ImagePlot } from "./image";
import type { Group } from "./outline";
import { Overview, overviewOf } from "./overview";
import type { Plan } from "./plan";
import { ScatterPlot } from "./scatter";
import { GroupList, ValuePlot } from "./simple";
import { TablePlot } from "./table";

export interface Whose {
  /** The whole tree; without it an overview is a list. */
  readonly root?: Group;
  readonly domain: string;
  readonly run: string | undefined;
  /** The events that are in it, as it says itself. */
  readonly events: string | undefined;
}

export function Plot(props: { plan: Plan; whose: Whose }): JSX.Element {
  const { plan, whose } = props;
  const { domain, run } = whose;
  switch (plan.kind) {
    case "curves":
      return <CurvesPlot plan={plan} {...whose} />;
    case "image":
      return <ImagePlot plan={plan} {...whose} />;
    case "scatter":
      return <ScatterPlot plan={plan} {...whose} />;
    case "table":
      return <TablePlot plan={plan} domain={domain} />;
    case "value":
      return <ValuePlot plan={plan} domain={domain} />;
    case "group":
      if (whose.root && overviewOf(plan.group).length) return <Overview root={whose.root} folder={plan.path} paths={overviewOf(plan.group)} domain={domain} run={run} />;
      return <GroupList plan={plan} run={run} />;
    case "none":
      return plan.missing ? <Nothing what={plan.why} run={run} events={whose.events} /> : <Empty>{plan.why}</Empty>;
  }
}
