/** What the server says of its model: name, size, context, what it can and cannot do. */

import { useEffect } from "preact/hooks";
import { askNewFigure, examples, loadExamples } from "../examples";
import { format, t } from "../i18n";
import { contextLength, dialog, model, modelId, models, takesImages } from "../state";
import type { Model } from "../types";
import { Dialog } from "./parts/Dialog";
import { Prose } from "./parts/Prose";
import { ExampleCard, once, shortNumber } from "./Welcome";

export function ModelDialog() {
  useEffect(() => void loadExamples(), []);
  const found = model.value;
  const close = () => (dialog.value = null);
  return (
    <Dialog title={found?.id ?? t("no_model")} class="wide" onClose={close}>
      {models.value.length > 1 && (
        <label class="field">
          <span>{t("choose_model")}</span>
          <select value={found?.id} onChange={(event) => (modelId.value = event.currentTarget.value)}>
            {models.value.map((each) => (
              <option key={each.id} value={each.id}>{each.id}</option>
            ))}
          </select>
        </label>
      )}
      {found && (
        <>
          {found.card?.summary && <div class="lead"><Prose text={found.card.summary} /></div>}
          <Facts model={found} />
          <Cannot model={found} />
          <Kinds model={found} onAsk={close} />
        </>
      )}
    </Dialog>
  );
}

function factsOf(found: Model): [string, string][] {
  const facts: [string, string][] = [];
  if (found.num_parameters) facts.push([t("parameters"), shortNumber(found.num_parameters)]);
  if (found.num_bytes) facts.push([t("size"), `${format(found.num_bytes / 1e6, found.num_bytes < 1e8 ? 1 : 0)} MB`]);
  const length = contextLength(found);
  if (length) facts.push([t("context"), t("context_value", { n: format(length) })]);
  if (found.input_modalities || found.capabilities?.vision !== undefined) {
    const images = found.max_images ? t("images_up_to", { n: found.max_images }) : t("images_word");
    facts.push([t("takes"), takesImages(found) ? `${t("text_word")}, ${images}` : t("text_word")]);
  }
  if (found.capabilities?.reasoning !== undefined) facts.push([t("thinks"), t(found.capabilities.reasoning ? "yes" : "no")]);
  if (found.device) facts.push([t("runs_on"), [found.device, found.dtype].filter(Boolean).join(", ")]);
  if (found.card?.license) facts.push([t("license"), found.card.license.toUpperCase()]);
  return facts;
}

function Facts({ model: found }: { model: Model }) {
  const facts = factsOf(found);
  if (!facts.length) return <p class="note">{t("nothing_known")}</p>;
  return (
    <dl class="model-facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Cannot({ model: found }: { model: Model }) {
  const limits = found.card?.cannot ?? [];
  const kinds = found.card?.kinds?.length ?? 0;
  if (!limits.length && !kinds) return null;
  return (
    <section class="cannot">
      <h3>{t("cannot")}</h3>
      {kinds > 0 && <p>{t("cannot_short")}</p>}
      {limits.length > 0 && (
        <details>
          <summary>{t("from_card")}</summary>
          <Prose text={limits.map((each) => `- ${each}`).join("\n")} />
        </details>
      )}
    </section>
  );
}

function Kinds({ model: found, onAsk }: { model: Model; onAsk: () => void }) {
  const kinds = found.card?.kinds?.filter(({ name }) => examples.value?.[name]) ?? [];
  if (!kinds.length) return null;
  return (
    <section>
      <h3>{t("can")}</h3>
      <p>{t("can_kinds")}</p>
      <ul class="cards many">
        {kinds.map(({ name, accuracy }) => (
          <li key={name}>
            <ExampleCard
              name={name} example={examples.value![name]!} note={`${format(accuracy)}%`}
              onClick={() => {
                onAsk();
                once(() => askNewFigure(name));
              }}
            />
          </li>
        ))}
      </ul>
    </section>
  );
}
