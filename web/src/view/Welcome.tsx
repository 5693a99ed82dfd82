/** The first screen: what this is, and something to try. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { askExample, askNewFigure, examples, kinds, loadExamples, toolName } from "../examples";
import { family, format, t } from "../i18n";
import { contextLength, dialog, focusInput, model, notify, running, takesImages } from "../state";
import type { Example } from "../types";
import { Icon } from "./parts/icons";

// the first of these that fit the model are on the first screen
const FIRST = ["circuit", "clock", "geometry", "bar_chart", "molecule", "town_map", "word_problem", "arithmetic"];
const SHOWN = 4;

const asking = signal(false);

/** Ask once, however often it is clicked, and not while an answer still comes. */
export function once(act: () => Promise<void>): void {
  if (running.value) notify(t("still_coming"));
  if (asking.value || running.value) return;
  asking.value = true;
  void act().finally(() => (asking.value = false));
  focusInput();
}

export function Hero() {
  const name = model.value?.id ?? "r1v";
  return (
    <header class="hero">
      <h1>{t(takesImages(model.value) ? "hello" : "hello_words")}</h1>
      <p>{t("hello_text", { model: name })}</p>
    </header>
  );
}

export function ExampleCards() {
  useEffect(() => void loadExamples(), []);
  const fitting = kinds();
  const first = [...FIRST.filter((name) => fitting.includes(name)), ...fitting.filter((name) => !FIRST.includes(name))];
  return (
    <section class="first-examples" aria-label={t("examples")}>
      <ul class="cards">
        {first.slice(0, SHOWN).map((name) => (
          <li key={name}>
            <ExampleCard name={name} example={examples.value![name]!} onClick={() => once(() => askExample(name))} />
          </li>
        ))}
      </ul>
      {first.length > 0 && (
        <p class="example-buttons">
          <button type="button" class="pill" onClick={() => (dialog.value = "examples")}><Icon name="grid" />{t("more_examples")}</button>
          <button type="button" class="pill" title={t("new_figure_text")} onClick={() => once(() => askNewFigure())}>
            <Icon name="dice" />{t("new_figure")}
          </button>
        </p>
      )}
      <Facts />
    </section>
  );
}

export function ExampleCard({ name, example, onClick, note }: { name: string; example: Example; onClick: () => void; note?: string }) {
  return (
    <button type="button" class="card" onClick={onClick}>
      <span class="card-picture" data-count={example.images.length}>
        {example.images.map((image, index) => (
          <img key={index} src={`data:image/webp;base64,${image}`} alt="" loading="lazy" />
        ))}
        {!example.images.length && <span class="card-words" aria-hidden="true">{example.question}</span>}
      </span>
      <span class="card-name">
        {family(name)}
        {note && <span class="card-note">{note}</span>}
      </span>
      <span class="card-question">{example.question}</span>
      {example.tool && <span class="card-tool">{t("drawn_with", { tool: toolName(example.tool) })}</span>}
    </button>
  );
}

/** One line about the model; it opens the panel. */
function Facts() {
  const found = model.value;
  if (!found) return null;
  const parts: string[] = [];
  if (found.num_parameters) parts.push(`${t("parameters")}: ${shortNumber(found.num_parameters)}`);
  const length = contextLength(found);
  if (length) parts.push(`${t("context")}: ${t("context_value", { n: format(length) })}`);
  const claimed = found.card?.kinds?.length;
  if (claimed) parts.push(t("short_kinds", { n: claimed }), t("short_not"));
  return (
    <button type="button" class="facts" onClick={() => (dialog.value = "model")}>
      <Icon name="info" />
      <span><strong>{found.id}</strong>{parts.map((part) => ` · ${part}`).join("")}</span>
    </button>
  );
}

export function shortNumber(number: number): string {
  for (const [size, unit] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "K"]] as const)
    if (number >= size) return `${format(number / size, number / size < 100 ? 1 : 0)}${unit}`;
  return format(number);
}
