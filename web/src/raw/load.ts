/**
 * One event with all that is shown of it, fetched before any of it is shown: a picture never stands beside the number of another event.
 *
 * What is asked for is waited for, and then the newest wish is asked for: however slow the way is, something is shown.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { errorOf, get, getRaw, Refusal } from "../api/client";
import { readNpy, type NdArray } from "../plots/npy";
import { addressOf, shapeOf, type ArrayLine, type RawEvent } from "./kept";

const AGAIN_MS = 1000;
const MOST_POINTS = "20000";
const MOST_PIXELS = "1600,1600";

export interface Loaded {
  readonly event: RawEvent;
  /** By stream and name; an Error where one could not be had. */
  readonly arrays: Readonly<Record<string, Readonly<Record<string, NdArray | Error>>>>;
}

async function arrayOf(worker: string, place: number, stream: string, name: string, array: ArrayLine, signal: AbortSignal): Promise<NdArray | Error | undefined> {
  const shape = shapeOf(array);
  if (shape.kind === "text") return undefined;
  // Of neighbours that share a pixel the brightest counts, but for photos: their colours have no brightest one.
  const size = shape.kind === "image" ? { most: MOST_PIXELS } : shape.kind === "photo" ? { most: `${MOST_PIXELS},${shape.bands}`, by: "mean" } : { most: MOST_POINTS };
  try {
    const answer = await getRaw(addressOf(worker, `/${place}/array`, { stream, name, ...size }), {}, signal);
    return readNpy(await answer.arrayBuffer());
  } catch (problem) {
    if (signal.aborted) throw problem;
    return errorOf(problem);
  }
}

export async function load(worker: string, place: number, signal: AbortSignal): Promise<Loaded> {
  const event = await get<RawEvent>(addressOf(worker, `/${place}`), signal);
  const arrays: Record<string, Record<string, NdArray | Error>> = {};
  const wishes = Object.entries(event.streams).flatMap(([stream, packet]) =>
    Object.entries(packet.arrays ?? {}).map(async ([name, array]) => {
      const found = await arrayOf(worker, place, stream, name, array, signal);
      if (found) (arrays[stream] ??= {})[name] = found;
    }),
  );
  await Promise.all(wishes);
  return { event, arrays };
}

interface State {
  readonly loaded: Loaded | undefined;
  readonly error: Error | undefined;
}

/** In a component that shows one worker as long as it is there: the event at a place; the one before stays until it is there. */
export function useEvent(worker: string, place: number | undefined, following: boolean): State {
  const [state, setState] = useState<State>({ loaded: undefined, error: undefined });
  const wish = useRef({ place, following });
  wish.current = { place, following };
  const asking = useRef(false);
  const held = useRef<number | undefined>(undefined);
  const over = useRef(new AbortController());
  useEffect(() => {
    over.current = new AbortController();
    return () => over.current.abort();
  }, []);
  useEffect(() => {
    async function ask(): Promise<void> {
      asking.current = true;
      let done = held.current;
      if (wish.current.place === done) setState((before) => (before.error ? { ...before, error: undefined } : before));
      while (wish.current.place !== undefined && wish.current.place !== done && !over.current.signal.aborted) {
        done = wish.current.place;
        try {
          const loaded = await load(worker, done, over.current.signal);
          // Somebody may have chosen another one meanwhile, such as the one that is shown.
          if (!wish.current.following && wish.current.place !== done) {
            done = held.current;
            continue;
          }
          held.current = done;
          setState({ loaded, error: undefined });
        } catch (problem) {
          // The newest one may have gone before it was asked for, and the next is asked for soon.
          const error = wish.current.following ? undefined : errorOf(problem);
          if (over.current.signal.aborted) break;
          setState((before) => ({ ...before, error }));
          // Nobody answered: it is asked for again as long as it is wished for, as when the connection is back.
          if (error instanceof Refusal && (error.status === 0 || error.status >= 500)) {
            await new Promise((done) => setTimeout(done, AGAIN_MS));
            done = held.current;
          }
        }
      }
      asking.current = false;
    }
    if (!asking.current) void ask();
  }, [worker, place]);
  return state;
}
