/** What the picture shows of an event, in sentences. */
import { count } from "../ui/format";
import { holdersOf, type Holder, type RunWeave } from "./answer";

const TIMES = ["", "", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"];

/** "and" before the last: "a", "a and b", "a, b and c". */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

const TAIL = 4;

/** A name as the part that may be left out where there is no room, and its end, by which names differ most times. */
export function halves(name: string): [string, string] {
  return [name.slice(0, -TAIL), name.slice(-TAIL)];
}

export function stageOf(seen: RunWeave, event: number): string | undefined {
  const number = seen.stages[event - seen.first];
  return number === undefined ? undefined : seen.stage_names[number];
}

export function packetOf(seen: RunWeave, row: number, event: number): string | undefined {
  const number = seen.rows[row]?.packets[event - seen.first];
  return number === undefined ? undefined : seen.packet_names[number];
}

function namesOf(seen: RunWeave, holders: readonly Holder[]): string {
  return listed([...new Set(holders.map((one) => seen.workers[one.worker]?.name ?? "a worker"))]);
}

function awaited(seen: RunWeave, event: number): string {
  return listed(seen.rows.filter((_, row) => packetOf(seen, row, event) === "absent").map((row) => row.stream));
}

/** Whether some stream has a packet for the event that somebody wants. */
function isWanted(seen: RunWeave, event: number): boolean {
  return seen.rows.some((_, row) => !["none", "unwanted"].includes(packetOf(seen, row, event) ?? "none"));
}

function outcome(seen: RunWeave, event: number, holders: readonly Holder[]): string {
  const names = namesOf(seen, holders);
  const reason = seen.reasons[seen.reason[event - seen.first] ?? -1];
  const because = reason ? `: ${reason}` : "";
  switch (stageOf(seen, event)) {
    case "pending":
      return "still to come";
    case "waiting":
      return `given to ${names || "a worker"}, waits for ${awaited(seen, event) || "a packet"}`;
    case "leased":
      return `with ${names || "a worker"}`;
    case "orphaned":
      return `${names} is gone, it waits for another worker`;
    case "reduced":
      if (names) return `in the result, by ${names}`;
      return isWanted(seen, event) ? "in the result; who had it is not remembered" : "in the result; no worker was to see it";
    case "failed":
      return `failed${names ? ` on ${names}` : ""}${because}`;
    case "quarantined":
      return `put aside${because}`;
    case "lost":
    case "dropped":
      return `lost${because}`;
    default:
      return "not known yet";
  }
}

function packet(seen: RunWeave, row: number, event: number): string {
  const stream = seen.rows[row]!.stream;
  const who = seen.virtual_workers[seen.rows[row]!.wanted_by[event - seen.first] ?? -1];
  const whom = who ? `, for ${who}` : "";
  switch (packetOf(seen, row, event)) {
    case "none":
      return `${stream}: no packet`;
    case "unwanted":
      return `${stream}: a packet that nobody wants`;
    case "come":
      return `${stream}: packet is here${whom}`;
    case "absent":
      return `${stream}: packet has not come${whom}`;
    case "missing":
      return `${stream}: packet is missing${whom}`;
    default:
      return stream;
  }
}

/** One event in a sentence; with a row of a stream, what came of its packet, too. */
export function describe(seen: RunWeave, shared: Map<number, Holder[]>, event: number, row?: number): string {
  const holders = holdersOf(seen, shared, event);
  const attempt = seen.attempt[event - seen.first] ?? 0;
  const said = [`event ${count(event)}: ${outcome(seen, event, holders)}`];
  if (attempt > 1) said.push(`given out for the ${TIMES[attempt] ?? `${attempt}th`} time`);
  for (const mark of seen.marks) if (mark.event === event) said.push(mark.text);
  if (row !== undefined && seen.rows[row]) said.push(packet(seen, row, event));
  return said.join(" · ");
}

/** What the window shows, in a sentence for those who do not see it. */
export function summary(seen: RunWeave): string {
  const counts = new Map<string, number>();
  for (const number of seen.stages) {
    const name = seen.stage_names[number] ?? "";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const again = seen.attempt.filter((one) => one > 1).length;
  const parts = [...counts].map(([name, size]) => `${count(size)} ${name}`);
  if (again) parts.push(`${count(again)} given out again`);
  return `Events ${count(seen.first)} to ${count(seen.stop - 1)}: ${parts.join(", ")}`;
}
