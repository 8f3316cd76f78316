/** What is going on now: the streams, the processes, and what became of the events. */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Account } from "../health/account";
import { place } from "../route";
import { FeedbackPanel } from "./feedback";
import { Processes } from "../streams/processes";
import { Streams } from "../streams/streams";
import { WeaveStrip } from "../weave/strip";

/** `#?show=events` leads to one of the panels. */
function lead(panel: string | null): void {
  if (panel) document.getElementById(panel)?.scrollIntoView({ block: "center" });
}

export function Now(): JSX.Element {
  const show = place.value.query.get("show");
  useEffect(() => lead(show), [show]);
  return (
    <>
      <FeedbackPanel />
      <WeaveStrip />
      <Streams />
      <Processes />
      <Account />
    </>
  );
}
