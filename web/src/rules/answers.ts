/** What `/api/v1/rules` answers. */

export type StepState = "waiting" | "running" | "gathering" | "done" | "failed" | "skipped" | "cancelled";
export type ChainState = "running" | "done" | "failed" | "cancelled";

export interface StepErrors {
  readonly kind: string;
  readonly message: string;
  readonly chunks: number;
  /** Of these; the others were or will be tried again. */
  readonly given_up: number;
  /** Of those given up, as ranges without their ends. */
  readonly frames: readonly (readonly [number, number])[];
  readonly traceback: string;
}

export interface StepOutput {
  readonly number: number;
  readonly key: string;
  readonly path: string;
  readonly requested: string;
  /** In bytes; null where the file is not there any more. */
  readonly size: number | null;
}

export interface RuleStep {
  readonly id: number;
  readonly name: string;
  readonly kind: string;
  readonly owner: string;
  readonly priority: number;
  readonly state: StepState;
  readonly reason: string;
  readonly trouble: string;
  readonly frames: { readonly released: number; readonly done: number; readonly failed: number; readonly final: number | null };
  readonly chunks: { readonly released: number; readonly ready: number; readonly leased: number };
  readonly rate: number | null;
  readonly eta: number | null;
  readonly started: number | null;
  readonly ended: number | null;
  readonly elapsed: number;
  readonly errors: readonly StepErrors[];
  readonly outputs: readonly StepOutput[];
  readonly after: readonly number[];
}

export interface RuleLink {
  readonly parent: number;
  readonly child: number;
  readonly on: string;
}

export interface RuleChain {
  readonly id: number;
  readonly title: string;
  readonly by: string;
  readonly created: number;
  readonly state: ChainState;
  readonly steps: readonly RuleStep[];
  readonly links: readonly RuleLink[];
}

export interface RuleChains {
  readonly chains: readonly RuleChain[];
  readonly more: boolean;
  readonly trouble: string;
}
