/** Small pieces that all views share. */
import type { ComponentChildren, JSX } from "preact";

/** A titled box; `aside` stands at the right of its title. */
export function Panel(props: { title: string; aside?: ComponentChildren; children: ComponentChildren; id?: string }): JSX.Element {
  return (
    <section class="panel" {...(props.id ? { id: props.id } : {})}>
      <header>
        <h2>{props.title}</h2>
        {props.aside ? <div class="aside">{props.aside}</div> : null}
      </header>
      {props.children}
    </section>
  );
}

/** What is shown where there is nothing: why, and what to do. */
export function Empty(props: { children: ComponentChildren }): JSX.Element {
  return <p class="empty">{props.children}</p>;
}

/** A sentence about something that went wrong. */
export function Problem(props: { error: Error | undefined }): JSX.Element | null {
  return props.error ? (
    <p class="problem" role="alert">
      {props.error.message}
    </p>
  ) : null;
}

export interface Share {
  /** What it is a share of; also the class that colours it. */
  readonly name: string;
  readonly size: number;
  readonly label?: string;
}

/** Shares of a whole as a bar; `total` is their sum unless given. Colours are told again in words by its label. */
export function Bar(props: { shares: readonly Share[]; total?: number; label: string }): JSX.Element {
  const total = props.total ?? props.shares.reduce((sum, one) => sum + one.size, 0);
  return (
    <div class="bar" role="img" aria-label={props.label} title={props.label}>
      {props.shares
        .filter((one) => one.size > 0)
        .map((one) => (
          <i key={one.name} class={one.name} style={{ width: `${(100 * one.size) / Math.max(total, 1e-12)}%` }} />
        ))}
    </div>
  );
}
