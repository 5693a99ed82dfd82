/** The smaller dialogs: the API key, the keyboard, export and import. */

import { useRef, useState } from "preact/hooks";
import { exportJson } from "../files";
import { t } from "../i18n";
import type { Words } from "../words/en";
import { importFile } from "../incoming";
import { SHORTCUTS } from "../keys";
import { apiKey } from "../settings";
import { conversations, dialog } from "../state";
import { Dialog } from "./parts/Dialog";

const close = () => (dialog.value = null);

export function KeyDialog() {
  const [key, setKey] = useState("");
  const wrong = apiKey.value !== "";
  return (
    <Dialog title={t("key_title")} class="small" onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          apiKey.value = key.trim();
        }}
      >
        <p>{t("key_text")}</p>
        {wrong && <p class="wrong" role="alert">{t("key_wrong")}</p>}
        <label class="field">
          <span>{t("key_label")}</span>
          <input type="password" value={key} autocomplete="off" autofocus onInput={(event) => setKey(event.currentTarget.value)} />
        </label>
        <div class="dialog-row">
          <button type="submit" class="primary" disabled={!key.trim()}>{t("key_use")}</button>
        </div>
      </form>
    </Dialog>
  );
}

export function ShortcutsDialog() {
  return (
    <Dialog title={t("shortcuts")} class="small" onClose={close}>
      <dl class="shortcuts">
        {SHORTCUTS.map(([name, keys]) => (
          <div key={name}>
            <dt>{t(name as keyof Words)}</dt>
            <dd>{keys.split(" ").map((each) => <kbd key={each}>{each}</kbd>)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

export function DataDialog() {
  const picker = useRef<HTMLInputElement>(null);
  const ids = conversations.value.map((each) => each.id);
  return (
    <Dialog title={t("data")} class="small" onClose={close}>
      <p>{t("data_text")}</p>
      <div class="dialog-row">
        <button type="button" class="quiet" onClick={() => picker.current?.click()}>{t("import")}</button>
        <button type="button" class="primary" disabled={!ids.length} onClick={() => void exportJson(ids)}>{t("export_all")}</button>
      </div>
      <input
        ref={picker} type="file" hidden accept="application/json,.json" data-kind="import"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (file) void importFile(file).then(close);
        }}
      />
    </Dialog>
  );
}
