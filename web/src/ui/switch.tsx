/** The switch between several pipelines at one address; nothing where this one is alone. */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { followPipelines, several, shownOf, wordOf, type PipelineLine } from "../api/pipelines";
import { fromFront } from "../api/place";
import { hashOf, place } from "../route";

function toneOf(line: PipelineLine): string {
  if (line.problem !== null || line.progress === null) return "unknown";
  if (line.progress.failed || line.progress.lost) return "warning";
  return line.progress.run !== null && !line.progress.finished ? "good" : "idle";
}

export function Switch(): JSX.Element | null {
  useEffect(followPipelines, []);
  const shown = shownOf(several.value);
  if (!several.value.length) return null;
  return (
    <nav class="pipelines" aria-label="Pipelines">
      {several.value.map((one) => (
        <a
          key={one.name}
          href={`${fromFront(location.pathname, one.path)}/${hashOf(place.value.view)}`}
          aria-current={one === shown ? "page" : undefined}
          title={wordOf(one)}
        >
          <span class={`lamp ${toneOf(one)}`} aria-hidden="true" />
          {one.name}
        </a>
      ))}
    </nav>
  );
}
