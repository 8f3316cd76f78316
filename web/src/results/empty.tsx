/** Where there is nothing to see: that it is so, and why. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { get } from "../api/client";
import { diagnosis, progress } from "../api/pipeline";
import { useWatched, watch } from "../api/watch";
import { whyEmpty, type Covered } from "./why";
import { RULES } from "./outline";

/** `what`: what is missing; `events`: those that are in it, as the dataset says itself. */
export function Nothing(props: { what: string; run: string | undefined; events?: string | undefined }): JSX.Element {
  const { run } = props;
  const path = run === RULES ? "/rules/results/api/v1/coverage" : run ? `/results/api/v1/runs/${run}/coverage` : "/results/api/v1/coverage";
  const covered = useWatched(useMemo(() => watch(() => get<Covered>(path), 1000), [path]));
  const now = useWatched(progress);
  const doctor = useWatched(diagnosis);
  const present = !run || now?.run === run;
  const sentences = whyEmpty({ covered, progress: present ? now : undefined, diagnosis: present ? doctor : undefined, events: props.events });
  return (
    <p class="empty" role="status">
      {[props.what, ...sentences].join(" ")}
    </p>
  );
}
