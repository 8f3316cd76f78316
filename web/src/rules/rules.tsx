/** Rules: the chains that go on, and those that have ended. The service is asked while this view is shown, and starts when it is first asked. */
import type { JSX } from "preact";
import { signal } from "@preact/signals";
import { get } from "../api/client";
import { useWatched, watch } from "../api/watch";
import { place, setQuery } from "../route";
import { clock, duration, universal } from "../ui/format";
import { Empty, Panel, Problem } from "../ui/parts";
import { Wide } from "../ui/wide";
import type { RuleChain, RuleChains } from "./answers";
import { Chain } from "./chain";
import "./rules.css";
import { CHAIN_SIGNS, summaryOf, tookOf } from "./words";

const STEP = 20;
const MOST = 200;
/** How many of those that have ended are listed. */
const wanted = signal(STEP);
const active = watch(() => get<RuleChains>(`rules?state=active&last=${MOST}`), 1000);
const ended = watch(() => get<RuleChains>(`rules?state=ended&last=${wanted.value}`), 2000);

function again(): void {
  active.again();
  ended.again();
}

function numberIn(name: string): number | undefined {
  const text = place.value.query.get(name);
  return text ? Number(text) : undefined;
}

function Ended(props: { chain: RuleChain; open: boolean; chosen: number | undefined }): JSX.Element {
  const { chain, open } = props;
  return (
    <>
      <tr class={chain.state} data-row={chain.id}>
        <th scope="row">
          <button type="button" class="disclose" aria-expanded={open} onClick={() => setQuery({ chain: open ? undefined : String(chain.id), step: undefined })}>
            {open ? "▾" : "▸"} {chain.title}
          </button>
        </th>
        <td class="state">
          {CHAIN_SIGNS[chain.state]} {chain.state}
        </td>
        <td>{summaryOf(chain)}</td>
        <td title={universal(chain.created)}>{clock(chain.created)}</td>
        <td class="number">{duration(tookOf(chain))}</td>
        <td>{chain.by || "–"}</td>
      </tr>
      {open ? (
        <tr class="more">
          <td colSpan={6}>
            <Chain chain={chain} chosen={props.chosen} onDone={again} />
          </td>
        </tr>
      ) : null}
    </>
  );
}

export function Rules(): JSX.Element {
  const now = useWatched(active);
  const past = useWatched(ended);
  // The two are asked one after the other: what has just begun again may be in both.
  const over = past?.chains.filter((one) => !now?.chains.some((other) => other.id === one.id)) ?? [];
  const [chain, step] = [numberIn("chain"), numberIn("step")];
  const trouble = now?.trouble;
  return (
    <>
      <Panel title="Rules that go on" id="active-rules" aside="batch analyses that follow the data">
        <Problem error={active.error.value} />
        {trouble ? <p class="problem">{trouble}</p> : null}
        {now?.chains.length ? (
          now.chains.map((one) => (
            <section key={one.id} class="going-on" aria-label={one.title}>
              <h3>
                {one.title} <span class="faint">{[summaryOf(one), one.by ? `by ${one.by}` : "", `since ${clock(one.created)}`].filter(Boolean).join(", ")}</span>
              </h3>
              <Chain chain={one} chosen={chain === one.id ? step : undefined} onDone={again} />
            </section>
          ))
        ) : now ? (
          <Empty>
            No rule goes on now. Start one with <code>beamloom rules submit FILE</code>.
          </Empty>
        ) : active.error.value ? null : (
          <Empty>Asking for the rules…</Empty>
        )}
      </Panel>
      {over.length ? (
        <Panel title="Rules that have ended" id="ended-rules">
          <Problem error={ended.error.value} />
          <Wide label="the rules that have ended" class="ended">
            <table>
              <thead>
                <tr>
                  <th>rules</th>
                  <th>state</th>
                  <th>what came of them</th>
                  <th>began</th>
                  <th class="number">took</th>
                  <th>by</th>
                </tr>
              </thead>
              <tbody>
                {over.map((one) => (
                  <Ended key={one.id} chain={one} open={chain === one.id} chosen={step} />
                ))}
              </tbody>
            </table>
          </Wide>
          {past?.more && wanted.value < MOST ? (
            <p>
              <button
                type="button"
                onClick={() => {
                  wanted.value = Math.min(MOST, wanted.value + STEP);
                  ended.again();
                }}
              >
                show earlier ones
              </button>
            </p>
          ) : null}
        </Panel>
      ) : null}
    </>
  );
}
