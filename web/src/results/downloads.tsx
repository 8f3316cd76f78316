/** What is shown as a file: as HDF5, npy, CSV, JSON or a picture; and the address of this view, for others. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { below } from "../api/place";
import { pictureOf } from "../plots/png";
import { place } from "../route";
import { planeOf } from "./choices";
import type { Plan } from "./plan";
import { elementsAddress } from "./texts";
import { questionOf, RULES } from "./outline";

interface Parts {
  /** The dataset that a file of numpy holds. */
  readonly npy?: string;
  readonly csv?: readonly string[];
  readonly select?: string;
}

/** Which datasets are in the files of a plan. */
export function partsOf(plan: Plan, at: string | null, of: string | null): Parts {
  switch (plan.kind) {
    case "curves": {
      const plane = planeOf(at, plan.leading);
      const all = plan.series.flatMap((one) => [one.path, ...(one.errors ? [one.errors] : [])]);
      if (plane.length) return { npy: plan.series[0]!.path, csv: all, select: `[${[...plane, ":"].join(",")}]` };
      return { npy: plan.series[0]!.path, csv: [...(plan.x.path ? [plan.x.path] : []), ...all] };
    }
    case "image": {
      const signal = plan.signals.find((one) => one.path === of) ?? plan.signals[0]!;
      const plane = planeOf(at, plan.leading);
      return { npy: signal.path, csv: [signal.path], ...(plane.length ? { select: `[${[...plane, ":", ":"].join(",")}]` } : {}) };
    }
    case "scatter":
      return { npy: plan.value.path, csv: [plan.x.path, plan.y.path, plan.value.path] };
    case "table": {
      const plane = planeOf(at, plan.leading);
      const csv = plan.columns.map((one) => one.path);
      return { npy: plan.columns.at(-1)!.path, csv, ...(plane.length ? { select: `[${[...plane, ":", ":"].join(",")}]` } : {}) };
    }
    case "value":
      return { npy: plan.path, csv: [plan.path] };
    default:
      return {};
  }
}

export function Downloads(props: { plan: Plan; path: string; domain: string; run: string | undefined }): JSX.Element {
  const { plan, path, domain, run } = props;
  const [copied, setCopied] = useState<string>();
  const query = place.value.query;
  const name = [path.split("/").pop() || "results", run?.slice(0, 8)].filter(Boolean).join("-");
  const { npy, csv, select } = partsOf(plan, query.get("at"), query.get("of"));
  const isText = plan.kind === "value" && typeof plan.value === "string";
  const steps = path.split("/").filter(Boolean).map((step) => `['${step.replace(/['\\]/g, "\\$&")}']`);
  const base = below(domain === RULES ? "/rules/results/api/v1/result" : run ? `/results/api/v1/runs/${run}/result` : "/results/api/v1/result");
  const file = (part: string): string => below(questionOf("file", domain, new URLSearchParams({ path: part })));
  const isDrawn = plan.kind === "curves" || plan.kind === "image" || plan.kind === "scatter";
  async function picture(): Promise<void> {
    const panel = document.getElementById("plot");
    const blob = panel && (await pictureOf(panel, plan.title));
    if (!blob) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name}.png`;
    link.click();
    URL.revokeObjectURL(link.href);
  }
  function copy(): void {
    // The address may be read by programs only where the page came by a safe way.
    navigator.clipboard?.writeText(location.href).then(
      () => setCopied("copied"),
      () => setCopied("copy it from the address bar"),
    ) ?? setCopied("copy it from the address bar");
    setTimeout(() => setCopied(undefined), 3000);
  }
  return (
    <span class="downloads">
      {isDrawn ? (
        <button type="button" class="plain" onClick={() => void picture()}>
          PNG
        </button>
      ) : null}
      {csv ? (
        <a href={below(elementsAddress(csv, domain, { format: "csv", select }))} download={`${name}.csv`}>
          CSV
        </a>
      ) : null}
      {npy && !isText ? (
        <a href={below(elementsAddress([npy], domain, { format: "npy" }))} download={`${name}.npy`}>
          npy
        </a>
      ) : null}
      <a href={`${base}/${encodeURIComponent(`$${steps.join("")}`)}?format=json`} download={`${name}.json`}>
        JSON
      </a>
      <a href={file(path)} download={`${name}.h5`}>
        HDF5
      </a>
      {path ? (
        <a href={file("")} download={`results${run ? `-${run.slice(0, 8)}` : ""}.h5`}>
          HDF5 of all
        </a>
      ) : null}
      <button type="button" class="plain" onClick={copy} title="The address of this view: what is seen of it, its colours and levels">
        {copied ?? "copy the link"}
      </button>
    </span>
  );
}
