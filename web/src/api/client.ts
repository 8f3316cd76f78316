/** Asking the controller: every answer that is not one becomes an error whose text is a sentence for people. */
import { below } from "./place";

/** What went wrong, in a sentence; `status` is 0 where nobody answered. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** Whatever was thrown, as an error. */
export function errorOf(problem: unknown): Error {
  if (isNamed(problem, "TimeoutError")) return new Refusal(0, SLOW);
  return problem instanceof Error ? problem : new Error(String(problem));
}

const API = "api/v1/";
const NOBODY = "The controller does not answer; it may have been stopped, or the connection to it is broken.";
const SLOW = "No answer came in time; the connection to the controller may be broken.";
const STRANGER = "What answers at this address is not the controller; it may be a gateway that wants you to log in again: load the page again.";
/** Ms after which an answer is not waited for any more: where a cable is pulled out, or a laptop sleeps, browsers wait for a quarter of an hour. */
const PATIENCE = 20_000;
/** The same for arrays, which take their time on a slow way. */
const LONG_PATIENCE = 60_000;

function isNamed(problem: unknown, name: string): boolean {
  return problem instanceof DOMException && problem.name === name;
}

async function ask(path: string, options: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path.startsWith("/") ? below(path) : API + path, options);
  } catch (error) {
    if (isNamed(error, "AbortError")) throw error;
    throw isNamed(error, "TimeoutError") ? errorOf(error) : new Refusal(0, NOBODY);
  }
  if (response.ok || response.status === 304) return response;
  throw new Refusal(response.status, await sentenceOf(response));
}

function patient(ms: number, signal: AbortSignal | undefined): AbortSignal {
  const limit = AbortSignal.timeout(ms);
  return signal ? AbortSignal.any([signal, limit]) : limit;
}

/** The body of an answer as JSON. */
async function jsonOf<T>(response: Response): Promise<T> {
  let text: string;
  try {
    text = await response.text();
  } catch (error) {
    if (isNamed(error, "AbortError")) throw error;
    throw isNamed(error, "TimeoutError") ? errorOf(error) : new Refusal(0, NOBODY);
  }
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Refusal(response.status, STRANGER);
  }
}

async function sentenceOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const detail: unknown = (JSON.parse(text) as { detail?: unknown }).detail;
    if (typeof detail === "string") return detail;
  } catch {
    // No JSON: what was written is shown as it is.
  }
  return text.slice(0, 500) || `The answer was ${response.status} ${response.statusText}.`;
}

/** The JSON answer to GET; `path` is under /api/v1/ unless it begins with a slash. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return jsonOf<T>(await ask(path, { signal: patient(PATIENCE, signal) }));
}

/** The JSON answer at `address`, which is not below where the page stands. */
export async function askedAs<T>(address: string): Promise<T> {
  const response = await fetch(address, { signal: patient(PATIENCE, undefined) });
  if (!response.ok) throw new Refusal(response.status, await sentenceOf(response));
  return jsonOf<T>(response);
}

/** Raw answer to GET, for what is not JSON. */
export function getRaw(path: string, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<Response> {
  return ask(path, { headers, signal: patient(LONG_PATIENCE, signal) });
}

/** Post `body` as JSON (bytes as they are); returns the JSON answer, null where there is none. */
export async function post<T>(path: string, body?: unknown): Promise<T | null> {
  const bytes = body instanceof Uint8Array || body instanceof Blob;
  const response = await ask(path, {
    method: "POST",
    headers: { "Content-Type": bytes ? "application/octet-stream" : "application/json" },
    ...(body === undefined ? {} : { body: bytes ? (body as BodyInit) : JSON.stringify(body) }),
  });
  const text = await response.text();
  return text ? (JSON.parse(text) as T) : null;
}
