/** How answers are made, and how the page looks. An empty field is the checkpoint's own default. */

import { useState } from "preact/hooks";
import { format, t } from "../i18n";
import { MAX_SIDE } from "../pictures";
import { DEFAULTS, preferences, sampling, type Preferences, type Sampling } from "../settings";
import { contextLength, dialog, model } from "../state";
import { Dialog } from "./parts/Dialog";

interface NumberProps {
  label: string;
  text: string;
  value: number | null;
  fallback: string;
  low: number;
  high: number;
  step: number;
  onChange: (value: number | null) => void;
}

/** A number, or nothing for the default. What is out of range is said and not used. */
function NumberField({ label, text, value, fallback, low, high, step, onChange }: NumberProps) {
  const [written, setWritten] = useState<string | null>(null);
  const shown = written ?? (value === null ? "" : String(value));
  const number = Number(shown);
  const wrong = shown.trim() !== "" && !(number >= low && number <= high && (step < 1 || Number.isInteger(number)));
  const id = `setting-${label.replace(/\W+/g, "-")}`;
  return (
    <div class="field number">
      <label for={id}>
        <span>{label}</span>
        <small>{text}{value !== null && ` (${t("default_is", { value: fallback })})`}</small>
      </label>
      <div>
        <input
          id={id} type="text" inputMode="decimal" value={shown} placeholder={t("default_is", { value: fallback })}
          aria-invalid={wrong} aria-describedby={wrong ? `${id}-wrong` : undefined}
          onInput={(event) => {
            const next = event.currentTarget.value.trim();
            setWritten(next);
            const asNumber = Number(next);
            if (next === "") onChange(null);
            else if (asNumber >= low && asNumber <= high && (step < 1 || Number.isInteger(asNumber))) onChange(asNumber);
          }}
          onBlur={() => !wrong && setWritten(null)}
        />
        {wrong && <p class="wrong" id={`${id}-wrong`} role="alert">{t("bad_number", { low: format(low), high: format(high) })}</p>}
      </div>
    </div>
  );
}

export function SettingsDialog() {
  const chosen = sampling.value;
  const defaults = model.value?.default_sampling ?? {};
  const context = contextLength(model.value) ?? 1 << 20;
  const set = (changes: Partial<Sampling>) => (sampling.value = { ...sampling.value, ...changes });
  const [resets, setResets] = useState(0);
  const known = (value: number | null | undefined, none: string) =>
    value === undefined ? t("servers_choice") : value === null || value < 0 ? none : format(value, value % 1 ? 2 : 0);
  const changed = JSON.stringify(chosen) !== JSON.stringify(DEFAULTS);
  const thinks = model.value?.capabilities?.reasoning ?? true;
  return (
    <Dialog title={t("settings")} onClose={() => (dialog.value = null)}>
      <section key={resets}>
        <div class="section-head">
          <h3>{t("sampling")}</h3>
          <button
            type="button" class="quiet" disabled={!changed} onClick={() => {
              sampling.value = DEFAULTS;
              setResets(resets + 1);
            }}
          >
            {t("reset")}
          </button>
        </div>
        {thinks && (
          <NumberField
            label={t("thinking_budget")} text={t("thinking_budget_text")} value={chosen.thinkingBudget} low={0} high={context}
            step={1} fallback={known(defaults.thinking_budget, t("no_limit"))} onChange={(thinkingBudget) => set({ thinkingBudget })}
          />
        )}
        <NumberField
          label={t("temperature")} text={t("temperature_text")} value={chosen.temperature} low={0} high={2} step={0.05}
          fallback={known(defaults.temperature, "")} onChange={(temperature) => set({ temperature })}
        />
        <NumberField
          label={t("top_p")} text={t("top_p_text")} value={chosen.topP} low={0.01} high={1} step={0.01}
          fallback={known(defaults.top_p, "")} onChange={(topP) => set({ topP })}
        />
        <NumberField
          label={t("seed")} text={t("seed_text")} value={chosen.seed} low={0} high={2 ** 31} step={1} fallback={t("random")}
          onChange={(seed) => set({ seed })}
        />
        <NumberField
          label={t("max_tokens")} text={t("max_tokens_text")} value={chosen.maxTokens} low={1} high={context} step={1}
          fallback={known(defaults.max_tokens, t("no_limit"))} onChange={(maxTokens) => set({ maxTokens })}
        />
        <label class="field">
          <span>{t("system_prompt")}</span>
          <small>{t("system_prompt_text")}</small>
          <textarea rows={3} value={chosen.systemPrompt} onInput={(event) => set({ systemPrompt: event.currentTarget.value })} />
        </label>
      </section>
      <PageSettings />
    </Dialog>
  );
}

function PageSettings() {
  const chosen = preferences.value;
  const set = (changes: Partial<Preferences>) => (preferences.value = { ...preferences.value, ...changes });
  return (
    <section>
      <h3>{t("page_word")}</h3>
      <label class="field side">
        <span>{t("theme")}</span>
        <select value={chosen.theme} onChange={(event) => set({ theme: event.currentTarget.value as Preferences["theme"] })}>
          <option value="system">{t("system")}</option>
          <option value="light">{t("light")}</option>
          <option value="dark">{t("dark")}</option>
        </select>
      </label>
      <label class="field side">
        <span>{t("language")}</span>
        <select value={chosen.language} onChange={(event) => set({ language: event.currentTarget.value as Preferences["language"] })}>
          <option value="system">{t("system")}</option>
          <option value="en" lang="en">English</option>
          <option value="zh" lang="zh-Hans">中文</option>
        </select>
      </label>
      <label class="field check">
        <input type="checkbox" checked={chosen.shrink} onChange={(event) => set({ shrink: event.currentTarget.checked })} />
        <span>
          {t("shrink")}
          <small>{t("shrink_text", { n: format(MAX_SIDE) })}</small>
        </span>
      </label>
    </section>
  );
}
