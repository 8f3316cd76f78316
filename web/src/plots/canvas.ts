/** The pen of a canvas that is as sharp as the screen: sizes are those of the page, pixels those of the screen. */

/** Make the canvas so large, empty; undefined where there is nothing to draw on. The pen draws in pixels of the page times `by`. */
export function penOf(canvas: HTMLCanvasElement | null, width: number, height: number, by = 1): CanvasRenderingContext2D | undefined {
  if (!canvas || width < 1 || height < 1) return undefined;
  const sharp = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * sharp), Math.round(height * sharp)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  const pen = canvas.getContext("2d") ?? undefined;
  pen?.setTransform(1, 0, 0, 1, 0, 0);
  pen?.clearRect(0, 0, wide, high);
  pen?.setTransform(sharp * by, 0, 0, sharp * by, 0, 0);
  return pen;
}
