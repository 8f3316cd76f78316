/** The lines of the log that this page has heard: only what is new is asked for, and what came unseen is told. */
import { signal } from "@preact/signals";
import type { LogLine } from "../api/answers";
import { get } from "../api/client";
import { watch } from "../api/watch";

export interface Kept {
  readonly line: LogLine;
  /** Of its own, whichever controller counted it. */
  readonly key: number;
  /** So many lines before this one were gone before they could be read. */
  readonly missed: number;
}

export interface Book {
  readonly lines: readonly Kept[];
  /** The number of the last one. */
  readonly last: number;
  /** So many have been heard in all. */
  readonly heard: number;
}

export const MOST_KEPT = 5000;
export const EMPTY: Book = { lines: [], last: 0, heard: 0 };

/** The book with what was told behind its last line. Numbers that go back are those of another controller. */
export function append(book: Book, news: readonly LogLine[]): Book {
  if (!news.length) return book;
  const first = Number(news[0]!.number);
  const missed = book.heard > 0 && first > book.last ? first - book.last - 1 : 0;
  const added = news.map((line, place) => ({ line, key: book.heard + place, missed: place ? 0 : missed }));
  return { lines: [...book.lines, ...added].slice(-MOST_KEPT), last: Number(news.at(-1)!.number), heard: book.heard + news.length };
}

/** What was told from the last line on, without that; undefined where the line of its number is another one, of a controller that has been started since. */
export function behind(book: Book, told: readonly LogLine[]): readonly LogLine[] | undefined {
  const known = book.lines.at(-1)?.line;
  const first = told[0];
  if (!known || !first || first.number !== known.number) return told;
  return first.created === known.created && first.msg === known.msg ? told.slice(1) : undefined;
}

export const book = signal(EMPTY);

/** Asks for what is new while somebody looks. */
export const following = watch(async () => {
  const from = (line: number): Promise<LogLine[]> => get<LogLine[]>(`logs?level=DEBUG&after=${line}`);
  const now = book.peek();
  book.value = append(now, behind(now, await from(Math.max(0, now.last - 1))) ?? (await from(0)));
  return book.peek().last;
}, 1000);
