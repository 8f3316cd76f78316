/** Around a part of the page: what goes wrong while it is drawn takes nothing else with it, is told, and passes when it can be drawn again. */
import { Component, type ComponentChildren, type JSX } from "preact";
import { errorOf } from "../api/client";

const AGAIN_MS = 2000;

interface State {
  readonly error: Error | undefined;
}

export class Boundary extends Component<{ children: ComponentChildren }, State> {
  override state: State = { error: undefined };
  private timer: ReturnType<typeof setTimeout> | undefined;

  static override getDerivedStateFromError(problem: unknown): State {
    return { error: errorOf(problem) };
  }

  override componentDidCatch(problem: unknown): void {
    console.error(problem);
    clearTimeout(this.timer);
    // What came may not have fitted together, as when another run begins: the next answers do.
    this.timer = setTimeout(() => this.setState({ error: undefined }), AGAIN_MS);
  }

  override componentWillUnmount(): void {
    clearTimeout(this.timer);
  }

  override render(): ComponentChildren | JSX.Element {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <p class="problem" role="alert">
        This part of the page cannot be drawn now: {error.message}. It is tried again; if it stays like this, load the page again, and report it with that sentence.
      </p>
    );
  }
}
