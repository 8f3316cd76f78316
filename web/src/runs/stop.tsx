/** The run that goes on, and its end, which is asked for once more before it is done. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Progress } from "../api/answers";
import { errorOf, post } from "../api/client";
import { progress } from "../api/pipeline";
import { Asks } from "../ui/asks";
import { count } from "../ui/format";
import { Panel, Problem } from "../ui/parts";

export function Stop(props: { now: Progress }): JSX.Element {
  const { now } = props;
  const [asks, setAsks] = useState(false);
  const [asked, setAsked] = useState(false);
  const [error, setError] = useState<Error>();
  async function stop(): Promise<void> {
    setAsks(false);
    try {
      await post("stop");
      setAsked(true);
      setError(undefined);
    } catch (problem) {
      setError(errorOf(problem));
    }
    progress.again();
  }
  const done = `${count(now.completed_events)} of ${now.total_events === null ? "an open number of" : count(now.total_events)} events are done`;
  return (
    <Panel title={`Run ${now.run?.slice(0, 8) ?? ""} goes on`} id="arm">
      <p>{done}. Another run can begin when it is over.</p>
      {asks ? (
        <Asks label="Stop the run?" question="Stop it now?" yes="yes, stop it" onYes={() => void stop()} onNo={() => setAsks(false)}>
          What has arrived of all streams is worked off; the other events are lost.
        </Asks>
      ) : asked ? (
        <p role="status">
          It was told to stop, and ends when what has arrived is worked off.{" "}
          <button type="button" onClick={() => void stop()}>
            tell it again
          </button>
        </p>
      ) : (
        <p>
          <button type="button" onClick={() => setAsks(true)}>
            stop the run
          </button>
        </p>
      )}
      <Problem error={error} />
    </Panel>
  );
}
