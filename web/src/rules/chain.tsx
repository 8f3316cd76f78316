/** A chain: its picture, its steps, and what can be done with it. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { errorOf, post } from "../api/client";
import { Asks } from "../ui/asks";
import { Problem } from "../ui/parts";
import type { RuleChain } from "./answers";
import { Graph } from "./graph";
import { Step } from "./step";

function Actions(props: { chain: RuleChain; onDone: () => void }): JSX.Element {
  const { chain } = props;
  const [asks, setAsks] = useState(false);
  const [said, setSaid] = useState("");
  const [error, setError] = useState<Error>();
  async function act(what: string, words: (count: number) => string): Promise<void> {
    setAsks(false);
    try {
      const answer = await post<{ count: number }>(`rules/${chain.id}/${what}`);
      setSaid(words(answer?.count ?? 0));
      setError(undefined);
    } catch (problem) {
      setError(errorOf(problem));
    }
    props.onDone();
  }
  const failed = chain.steps.some((step) => step.frames.failed || (step.state === "failed" && step.errors.length));
  return (
    <>
      {asks ? (
        <Asks label="Cancel the chain?" question="Cancel it now?" yes="yes, cancel it" onYes={() => void act("cancel", () => "It is cancelled.")} onNo={() => setAsks(false)}>
          What is done stays; the rest is not worked off.
        </Asks>
      ) : (
        <p class="filters">
          {chain.state === "running" ? (
            <button type="button" onClick={() => setAsks(true)}>
              cancel
            </button>
          ) : null}
          {failed ? (
            <button type="button" onClick={() => void act("retry", (chunks) => (chunks ? `Tried again: ${chunks} ${chunks === 1 ? "chunk" : "chunks"}.` : "There is nothing to try again now."))}>
              try again what failed
            </button>
          ) : null}
          {said ? <span role="status">{said}</span> : null}
        </p>
      )}
      <Problem error={error} />
    </>
  );
}

export function Chain(props: { chain: RuleChain; chosen: number | undefined; onDone: () => void }): JSX.Element {
  const { chain } = props;
  useEffect(() => {
    if (props.chosen === undefined) return;
    document.querySelector(`[data-rule="${props.chosen}"]`)?.scrollIntoView({ block: "nearest" });
  }, [props.chosen]);
  return (
    <div class="chain" data-chain={chain.id}>
      <Graph chain={chain} chosen={props.chosen} />
      {chain.steps.map((step) => (
        <Step key={step.id} chain={chain} step={step} chosen={props.chosen === step.id} />
      ))}
      <Actions chain={chain} onDone={props.onDone} />
    </div>
  );
}
