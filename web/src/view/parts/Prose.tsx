/** Text of a model, as safe HTML. Only the parts that have changed are drawn again. */

import { memo } from "./memo";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { blocks, fill } from "../../markdown";

const Part = memo(function Part({ html }: { html: string }) {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (element.current) fill(element.current, html);
  }, [html]);
  return <div ref={element} />;
});

export function Prose({ text, growing = false }: { text: string; growing?: boolean }) {
  const parts = useMemo(() => blocks(text, growing), [text, growing]);
  return (
    <div class="prose">
      {parts.map((part) => (
        <Part key={part.key} html={part.html} />
      ))}
    </div>
  );
}
