/** What is going on now: the processes and the streams. */
import type { JSX } from "preact";
import { Processes } from "../streams/processes";
import { Streams } from "../streams/streams";

export function Now(): JSX.Element {
  return (
    <>
      <Streams />
      <Processes />
    </>
  );
}
