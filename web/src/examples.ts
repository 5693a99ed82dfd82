/** The drawn questions that ship with the page: one of each kind, and more of each to ask about. */

import { signal } from "@preact/signals";
import { blobOf } from "./pictures";
import { newId, seen } from "./settings";
import { model, takesImages } from "./state";
import { send } from "./ask";
import type { Example, Picture } from "./types";

/** One example of each kind, by its name; null until they have come. */
export const examples = signal<Record<string, Example> | null>(null);

async function fetchJson<T>(name: string): Promise<T> {
  const response = await fetch(new URL(`examples/${name}.json`, document.baseURI));
  if (!response.ok) throw new Error(`${response.status}`);
  return (await response.json()) as T;
}

export async function loadExamples(): Promise<void> {
  try {
    examples.value ??= await fetchJson<Record<string, Example>>("one-of-each");
  } catch {
    // the first screen has no examples then; the input works
  }
}

/** The kinds that the model can take: those of its card, and only text for a model without images. */
export function kinds(): string[] {
  const all = Object.entries(examples.value ?? {});
  const claimed = model.value?.card?.kinds?.map((kind) => kind.name);
  const fitting = all.filter(([name, { images }]) =>
    (claimed ? claimed.includes(name) : true) && (takesImages(model.value) || images.length === 0));
  return fitting.map(([name]) => name);
}

export async function picturesOfExample(example: Example, name: string): Promise<Picture[]> {
  return Promise.all(
    example.images.map(async (image, index) => {
      const blob = blobOf(image, "image/webp");
      const bitmap = await createImageBitmap(blob);
      const { width, height } = bitmap;
      bitmap.close();
      const suffix = example.images.length > 1 ? `-${index + 1}` : "";
      return { id: newId(), conversation: "", name: `${name}${suffix}.webp`, blob, width, height };
    }),
  );
}

export async function askExample(name: string): Promise<void> {
  const example = examples.value?.[name];
  if (example) await askFigure(example, name);
}

/** Ask about a figure that was not shown here before; after the last one it begins again. */
export async function askNewFigure(kind?: string): Promise<void> {
  const choices = kind ? [kind] : kinds().filter((name) => examples.value![name]!.images.length > 0);
  const names = choices.length ? choices : kinds();
  const name = names[Math.floor(Math.random() * names.length)];
  if (!name) return;
  const drawn = await fetchJson<Example[]>(name);
  const key = (index: number) => `${name}/${index}`;
  const fresh = drawn.map((_, index) => index).filter((index) => !seen.value.figures.includes(key(index)));
  const left = fresh.length ? fresh : drawn.map((_, index) => index);
  const chosen = left[Math.floor(Math.random() * left.length)]!;
  const before = fresh.length ? seen.value.figures : seen.value.figures.filter((each) => !each.startsWith(`${name}/`));
  seen.value = { figures: [...before, key(chosen)] };
  await askFigure(drawn[chosen]!, name);
}

async function askFigure({ question, answer, tool, ...rest }: Example, name: string): Promise<void> {
  const pictures = await picturesOfExample({ question, answer, ...rest }, name);
  await send(question, pictures, { expected: answer, ...(tool ? { tool } : {}) });
}

const TOOLS: Record<string, string> = {
  svg: "resvg", vega: "Vega", chromium: "Chromium", graphviz: "Graphviz", matplotlib_venn: "matplotlib-venn",
  open_babel: "Open Babel",
};

/** The name of a drawing tool as people write it. */
export function toolName(tool: string): string {
  return TOOLS[tool] ?? tool.replace(/_/g, " ");
}
