/** One step of a chain: how far it is, what failed and why, and the files that it has written. */
import type { JSX } from "preact";
import { below } from "../api/place";
import { bytes, count } from "../ui/format";
import { Bar } from "../ui/parts";
import type { RuleChain, RuleStep } from "./answers";
import { chunksOf, framesOf, paceOf, rangesOf, SIGNS } from "./words";

function nameOf(path: string): string {
  return path.split("/").pop() ?? path;
}

function Errors(props: { step: RuleStep }): JSX.Element {
  return (
    <>
      {props.step.errors.map((error) => (
        <details class="failure" key={`${error.kind} ${error.message}`}>
          <summary>
            <strong>
              {error.kind}: {error.message}
            </strong>
            <span class="faint">{[chunksOf(error), rangesOf(error)].filter(Boolean).join(", ")}</span>
          </summary>
          {error.traceback ? <pre tabIndex={0}>{error.traceback}</pre> : <p class="faint">There is no traceback: its process has ended, or was ended.</p>}
        </details>
      ))}
    </>
  );
}

function Outputs(props: { chain: RuleChain; step: RuleStep }): JSX.Element | null {
  const { chain, step } = props;
  if (!step.outputs.length) return null;
  return (
    <ul class="outputs">
      {step.outputs.map((output) => (
        <li key={output.number}>
          {output.size === null ? (
            <span title={output.path}>{nameOf(output.path)} (not there any more)</span>
          ) : (
            <>
              <a href={below(`/api/v1/rules/${chain.id}/steps/${step.id}/outputs/${output.number}`)} download={nameOf(output.path)} title={output.path}>
                {nameOf(output.path)}
              </a>{" "}
              <span class="faint">{bytes(output.size)}</span>
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

export function Step(props: { chain: RuleChain; step: RuleStep; chosen: boolean }): JSX.Element {
  const { step } = props;
  const { done, failed, final, released } = step.frames;
  const said = [framesOf(step), failed ? `${count(failed)} failed` : "", paceOf(step)].filter(Boolean).join(", ");
  return (
    <section class={`rule ${step.state}${props.chosen ? " chosen" : ""}`} data-rule={step.id} aria-label={step.name}>
      <p>
        <strong>{step.name}</strong>{" "}
        <span class="state">
          {SIGNS[step.state]} {step.state}
        </span>{" "}
        <span class="numbers">{said}</span>
        {step.name === step.kind ? null : <span class="faint kind">{step.kind}</span>}
      </p>
      {released || final ? (
        <Bar
          shares={[
            { name: "reduced", size: done },
            { name: "failed", size: failed },
          ]}
          total={Math.max(1, final ?? released)}
          label={said || step.state}
        />
      ) : null}
      {step.trouble ? <p class="trouble">Held up: {step.trouble}</p> : null}
      {step.reason ? <p class={step.state === "failed" ? "trouble" : "faint"}>{step.reason}</p> : null}
      <Errors step={step} />
      <Outputs chain={props.chain} step={step} />
    </section>
  );
}
