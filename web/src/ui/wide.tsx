/** What may be wider (or higher) than there is room for: it scrolls, and where it does it is reached by Tab, so that the arrows scroll it. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

export function Wide(props: { label: string; class?: string; children: ComponentChildren }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const [scrolls, setScrolls] = useState(false);
  useEffect(() => {
    const one = box.current;
    if (!one) return;
    const observer = new ResizeObserver(() => setScrolls(one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight));
    observer.observe(one);
    if (one.firstElementChild) observer.observe(one.firstElementChild);
    return () => observer.disconnect();
  }, []);
  return (
    <div class={`wide ${props.class ?? ""}`} ref={box} {...(scrolls ? { tabIndex: 0, role: "region", "aria-label": props.label } : {})}>
      {props.children}
    </div>
  );
}
