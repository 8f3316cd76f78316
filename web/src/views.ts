/** The views of the dashboard, in the order of their names in the navigation; each is loaded when it is first looked at. */
import type { ComponentType } from "preact";

export interface View {
  /** In the address, after the `#`. */
  readonly name: string;
  readonly title: string;
  /** The key that leads there. */
  readonly key: string;
  readonly load: () => Promise<ComponentType>;
}

export const VIEWS: readonly View[] = [
  { name: "", title: "Now", key: "1", load: async () => (await import("./now/now")).Now },
  { name: "results", title: "Results", key: "2", load: async () => (await import("./results/results")).Results },
  { name: "parameters", title: "Parameters", key: "3", load: async () => (await import("./parameters/parameters")).Parameters },
  { name: "runs", title: "Runs", key: "4", load: async () => (await import("./runs/runs")).Runs },
  { name: "weave", title: "Weave", key: "5", load: async () => (await import("./weave/weave")).Weave },
  { name: "errors", title: "Errors", key: "6", load: async () => (await import("./errors/errors")).Errors },
  { name: "log", title: "Log", key: "7", load: async () => (await import("./logs/logs")).Logs },
  { name: "debug", title: "Raw", key: "8", load: async () => (await import("./raw/raw")).Raw },
  { name: "rules", title: "Rules", key: "9", load: async () => (await import("./rules/rules")).Rules },
];
