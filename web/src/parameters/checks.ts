/** Whether a text is a value of a parameter, as far as can be told without asking: for an answer while somebody types. */
import type { Described } from "../api/answers";

const NO_NUMBER = /^[+-]?(nan|inf|infinity)$/i;

export function limits(one: Described): string {
  const { min, max } = one;
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (min !== undefined) return `from ${min}`;
  return max !== undefined ? `up to ${max}` : "";
}

function outside(one: Described, value: number): boolean {
  return (one.min !== undefined && value < one.min) || (one.max !== undefined && value > one.max);
}

function wrongArray(one: Described, text: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "This takes numbers in brackets, such as [1, 2.5].";
  }
  const numbers = [value].flat(Infinity);
  if (!Array.isArray(value) || numbers.some((number) => typeof number !== "number")) return "This takes numbers in brackets, such as [1, 2.5].";
  return numbers.some((number) => outside(one, number as number)) ? `This takes numbers ${limits(one)}.` : undefined;
}

/** Why a text is no value of the parameter; undefined where it is one, as far as can be told here. */
export function wrong(one: Described, text: string): string | undefined {
  if (one.dtype === "array") return wrongArray(one, text);
  if (one.dtype === "int" && !/^\s*[+-]?\d+\s*$/.test(text)) return "This takes a whole number.";
  if (one.dtype === "float" && (text.trim() === "" || (Number.isNaN(Number(text)) && !NO_NUMBER.test(text.trim())))) return "This takes a number.";
  if ((one.dtype === "int" || one.dtype === "float") && outside(one, Number(text))) return `This takes ${limits(one)}.`;
  return undefined;
}

/** The parameter that a refusal names, and its sentence; undefined where it names none. */
export function blamed(sentence: string): { name: string; said: string } | undefined {
  const found = /^parameter '([^']+)': (.+)$/s.exec(sentence);
  return found ? { name: found[1]!, said: found[2]! } : undefined;
}
