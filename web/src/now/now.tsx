/** What is going on now: the processes and the streams. */
import type { JSX } from "preact";
import { Processes } from "../streams/processes";
import { Streams } from "../streams/streams";
import { WeaveStrip } from "../weave/strip";

export function Now(): JSX.Element {
  return (
    <>
      <WeaveStrip />
      <Streams />
      <Processes />
    </>
  );
}
