/** Whether keys go into a field, and mean nothing else. */
export function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input:not([type=checkbox], [type=radio], [type=file]), select, textarea, [contenteditable]") !== null;
}
