import { useEffect } from "preact/hooks";
import { askExample, askNewFigure, examples, kinds, loadExamples } from "../examples";
import { t } from "../i18n";
import { dialog } from "../state";
import { Dialog } from "./parts/Dialog";
import { Icon } from "./parts/icons";
import { ExampleCard, once } from "./Welcome";

/** One example of each kind, at any time. */
export function ExamplesDialog() {
  useEffect(() => void loadExamples(), []);
  const close = () => (dialog.value = null);
  const ask = (act: () => Promise<void>) => {
    close();
    once(act);
  };
  return (
    <Dialog title={t("examples")} class="wide" onClose={close}>
      <p class="lead">{t("examples_text")}</p>
      <p class="example-buttons start">
        <button type="button" class="pill accent" onClick={() => ask(() => askNewFigure())}><Icon name="dice" />{t("new_figure")}</button>
      </p>
      <ul class="cards many">
        {kinds().map((name) => (
          <li key={name}>
            <ExampleCard name={name} example={examples.value![name]!} onClick={() => ask(() => askExample(name))} />
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
