/** The frame of the page: how things are on top, the views below, one of them at a time. */
import { useEffect, useState } from "preact/hooks";
import type { ComponentType, JSX } from "preact";
import { HealthStrip } from "./health/strip";
import { several, shownOf } from "./api/pipelines";
import { place } from "./route";
import { Boundary } from "./ui/boundary";
import { useKeydown } from "./ui/keydown";
import { KeysButton } from "./ui/keys";
import { Switch } from "./ui/switch";
import { VIEWS, type View } from "./views";

const loaded = new Map<string, ComponentType>();

function onKey(event: KeyboardEvent): void {
  const view = VIEWS.find((one) => one.key === event.key);
  if (view) location.hash = view.name;
}

function Shown(props: { view: View }): JSX.Element {
  const { view } = props;
  const [failure, setFailure] = useState<string>();
  const [, setReady] = useState(0);
  useEffect(() => {
    setFailure(undefined);
    if (loaded.has(view.name)) return;
    view.load().then(
      (component) => {
        loaded.set(view.name, component);
        setReady((count) => count + 1);
      },
      () => setFailure("This part of the page could not be loaded; load the page again when the controller answers."),
    );
  }, [view]);
  const Component = loaded.get(view.name);
  if (Component) return <Component />;
  return failure ? <p class="problem">{failure}</p> : <p class="empty">Loading…</p>;
}

export function App(): JSX.Element {
  useKeydown(onKey);
  const view = VIEWS.find((one) => one.name === place.value.view) ?? VIEWS[0]!;
  const name = shownOf(several.value)?.name;
  useEffect(() => void (document.title = [view.title, name, "Beamloom"].filter(Boolean).join(" · ")), [view, name]);
  return (
    <>
      <h1 class="hidden">Beamloom: {view.title}</h1>
      <Boundary>
        <Switch />
      </Boundary>
      <Boundary>
        <HealthStrip />
      </Boundary>
      <nav aria-label="Views">
        {VIEWS.map((one) => (
          <a key={one.name} href={`#${one.name}`} aria-current={one === view ? "page" : undefined} title={`Key ${one.key}`}>
            {one.title}
          </a>
        ))}
        <KeysButton />
      </nav>
      <main key={view.name}>
        <Boundary>
          <Shown view={view} />
        </Boundary>
      </main>
    </>
  );
}
