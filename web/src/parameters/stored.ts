/** Values that are not written out, as files are: of them the API tells the size and a digest. */
import { bytes } from "../ui/format";

export interface Stored {
  /** In bytes. */
  readonly size: number;
  /** SHA-256 of the content, in hexadecimal. */
  readonly digest: string;
}

const TOLD = /^(\d+) bytes, SHA-256 ([0-9a-f]{64})$/;

/** What is told of a value that is not written out; undefined for one that is. */
export function storedOf(value: unknown): Stored | undefined {
  const found = typeof value === "string" ? TOLD.exec(value) : null;
  return found ? { size: Number(found[1]), digest: found[2]! } : undefined;
}

/** "524 kB, SHA-256 3f2a91c0…", or that there is nothing. */
export function storedAsText(stored: Stored): string {
  return stored.size === 0 ? "nothing" : `${bytes(stored.size)}, SHA-256 ${stored.digest.slice(0, 8)}…`;
}
