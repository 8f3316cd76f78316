/** A traceback in pieces: the calls of the analysis itself, and those of the libraries beneath it, which are folded away. */

export interface Frame {
  readonly file: string;
  readonly line: number;
  readonly function: string;
  /** The line of code, where it is told. */
  readonly code: string;
  /** The lines as they were written. */
  readonly text: string;
  /** Whether it belongs to a library: to Python, to an installed package, to Beamloom. */
  readonly library: boolean;
}

export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "frame"; readonly frame: Frame }
  | { readonly kind: "folded"; readonly frames: readonly Frame[] };

const HEAD = /^(\s*)File "([^"]+)", line (\d+)(?:,)? in (.+)$/;
/** Installed packages, Python itself, and the rooms of Beamloom that call the analysis: a folder of that name may be anybody's. */
const LIBRARY =
  /[\\/](site|dist)-packages[\\/]|[\\/]lib(64)?[\\/]python\d|^<(?!stdin|string)|[\\/]beamloom[\\/](analysis|engine|services|transport|devices|results|recordings|replay|parameters|placement|cli)[\\/]/;
const MARKS = /^\s*[\^~]+\s*$/;

export function isLibrary(file: string): boolean {
  return LIBRARY.test(file);
}

function frameOf(head: RegExpExecArray, lines: readonly string[]): Frame {
  const code = lines.slice(1).find((line) => line.trim() && !MARKS.test(line)) ?? "";
  return { file: head[2]!, line: Number(head[3]), function: head[4]!, code: code.trim(), text: lines.join("\n"), library: isLibrary(head[2]!) };
}

/** The pieces of a traceback, in its order: calls of libraries that follow each other are one. */
export function pieces(traceback: string): Piece[] {
  const found: Piece[] = [];
  const lines = traceback.replace(/\s+$/, "").split("\n");
  let text: string[] = [];
  function end(): void {
    if (text.join("").trim()) found.push({ kind: "text", text: text.join("\n") });
    text = [];
  }
  for (let place = 0; place < lines.length; place++) {
    const head = HEAD.exec(lines[place]!);
    if (!head) {
      text.push(lines[place]!);
      continue;
    }
    end();
    const own = [lines[place]!];
    // What is written of a call is indented deeper than its head.
    while (place + 1 < lines.length && lines[place + 1]!.startsWith(`${head[1]!}  `) && !HEAD.test(lines[place + 1]!)) own.push(lines[++place]!);
    const frame = frameOf(head, own);
    const last = found.at(-1);
    if (!frame.library) found.push({ kind: "frame", frame });
    else if (last?.kind === "folded") found[found.length - 1] = { kind: "folded", frames: [...last.frames, frame] };
    else found.push({ kind: "folded", frames: [frame] });
  }
  end();
  return found;
}

/** The last call of the analysis before it failed: where to look first. Crashes are written with the latest call on top. */
export function culprit(traceback: string): Frame | undefined {
  const own = pieces(traceback).flatMap((piece) => (piece.kind === "frame" ? [piece.frame] : []));
  return traceback.trimStart().startsWith("Traceback") ? own.at(-1) : own[0];
}

/** The last part of a path. */
export function fileName(path: string): string {
  return path.split(/[\\/]/).pop() ?? path;
}
