/** What a piece of feedback says, in one line: a text as it is, of an object its reason first. As `beamloom status` has it. */
const MOST = 300;

export function wordsOf(payload: unknown): string {
  const text = line(payload).replace(/\s+/g, " ").trim();
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text;
}

function line(payload: unknown): string {
  if (payload === null || payload === undefined) return "";
  if (typeof payload !== "object" || Array.isArray(payload)) return short(payload);
  const entries = Object.entries(payload);
  const reasons = entries.filter(([name, value]) => isReason(name) && value).map(([, value]) => short(value));
  const rest = entries.filter(([name]) => !isReason(name)).map(([name, value]) => `${name}=${short(value)}`);
  if (!reasons.length) return rest.join(", ");
  return rest.length ? `${reasons.join(" ")} (${rest.join(", ")})` : reasons.join(" ");
}

function isReason(name: string): boolean {
  return name === "reason" || name === "message";
}

function short(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : JSON.stringify(value);
}
