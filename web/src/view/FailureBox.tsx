import { regenerate } from "../ask";
import { explain } from "../failures";
import { t } from "../i18n";
import { dialog, focusInput, model, show } from "../state";
import type { Turn } from "../types";

/** What a request failed with, and what can be done about it. */
export function FailureBox({ turn, onEdit }: { turn: Turn; onEdit: (() => void) | null }) {
  if (!turn.failure) return null;
  const { title, text, said, remedy } = explain(turn.failure);
  const retry = () => {
    void regenerate(turn);
    focusInput();
  };
  const fresh = () => void show(null).then(() => focusInput());
  return (
    <div class="failure" role="alert">
      <strong>{title}</strong>
      <p>{text}</p>
      {said && <p class="said">{said}</p>}
      <p class="failure-actions">
        {remedy === "key" && <button type="button" onClick={() => (dialog.value = "key")}>{t("enter_key")}</button>}
        {remedy === "settings" && <button type="button" onClick={() => (dialog.value = "settings")}>{t("open_settings")}</button>}
        {remedy === "new" && <button type="button" onClick={fresh}>{t("new_chat")}</button>}
        {remedy === "pictures" && onEdit && <button type="button" onClick={onEdit}>{t("edit")}</button>}
        <button type="button" onClick={retry} disabled={!model.value}>{t("retry")}</button>
      </p>
    </div>
  );
}
