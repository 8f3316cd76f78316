/** Where this page stands: at the address of one controller, or as one of several pipelines at the address of a front. */

const BEHIND = /\/pipelines\/([^/]+)\/$/;

/** An address of this pipeline, as the page has to write it: whatever begins with a slash is below where the page stands. */
export function below(path: string): string {
  return path.replace(/^\/+/, "");
}

/** The name by which a page at `pathname` is found; undefined where it is found without. */
export function nameIn(pathname: string): string | undefined {
  const found = BEHIND.exec(pathname)?.[1];
  return found === undefined ? undefined : decodeURIComponent(found);
}

/** From a page at `pathname` to what the front has at `path`. */
export function fromFront(pathname: string, path: string): string {
  return `${BEHIND.test(pathname) ? "../../" : ""}${below(path)}`;
}
