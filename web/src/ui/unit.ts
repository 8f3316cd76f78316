/**
 * Pixels of the page in a unit of what is drawn on canvases: 1 on a desk, more on a wall, where all text is larger (see the root in style.css).
 * Whoever draws divides sizes by it and has the pen scale by it.
 */
const USUAL = 15;

export function unit(): number {
  const size = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  return size > USUAL ? size / USUAL : 1;
}
