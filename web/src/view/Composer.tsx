/** Where a question is written. */

import { useEffect, useRef } from "preact/hooks";
import { send, stop } from "../ask";
import { t } from "../i18n";
import { draft, focusInput, model, path, running, runs, takesImages } from "../state";
import { addFiles, MAX_QUESTION, reading } from "../incoming";
import { Icon, IconButton } from "./parts/icons";
import { PictureStrip } from "./Pictures";

/** A text field that is as high as its text. */
export function fitHeight(area: HTMLTextAreaElement): void {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}

export function Composer({ onEditLast }: { onEditLast: () => void }) {
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const camera = useRef<HTMLInputElement>(null);
  const { text, pictures } = draft.value;
  const busy = running.value;
  const mine = busy !== null && runs.value.has(busy.id);
  const ready = (text.trim() !== "" || pictures.length > 0) && !busy && !reading.value;
  const images = takesImages(model.value);

  useEffect(() => focusInput(), []);

  const submit = () => {
    if (!ready) return;
    draft.value = { text: "", pictures: [] };
    void send(text.trim(), pictures);
    focusInput();
  };
  const pick = async (input: HTMLInputElement) => {
    await addFiles([...(input.files ?? [])]);
    input.value = ""; // so that the same file can be picked again
    focusInput();
  };
  const placeholder = !images ? "placeholder_text" : path.value.length ? "placeholder_more" : "placeholder";
  useEffect(() => {
    if (area.current) fitHeight(area.current); // a placeholder may need two lines, too
  }, [text, placeholder]);
  return (
    <form
      class="composer" onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <PictureStrip pictures={pictures} onChange={(next) => (draft.value = { ...draft.value, pictures: next })} />
      {reading.value > 0 && <p class="note reading-file" role="status">{t("reading_file")}</p>}
      <textarea
        ref={area} id="question" rows={1} value={text} placeholder={t(placeholder)} aria-label={t("question")}
        aria-description={t("hint")} autocomplete="off" enterkeyhint="send" maxLength={MAX_QUESTION}
        onInput={(event) => (draft.value = { ...draft.value, text: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.isComposing) return; // an input method is still at work
          if (event.key === "Enter" && !event.shiftKey) {
            event.preventDefault();
            submit();
          } else if (event.key === "ArrowUp" && text === "" && !busy) {
            event.preventDefault();
            onEditLast();
          }
        }}
      />
      <div class="composer-row">
        {images && (
          <>
            <IconButton icon="image" label={t("add_image")} onClick={() => picker.current?.click()} />
            <IconButton class="camera" icon="camera" label={t("take_photo")} onClick={() => camera.current?.click()} />
            <input
              ref={picker} type="file" hidden multiple accept="image/*,.heic,.heif" data-kind="pick" tabIndex={-1}
              onChange={(event) => void pick(event.currentTarget)}
            />
            <input
              ref={camera} type="file" hidden accept="image/*" capture="environment" data-kind="camera" tabIndex={-1}
              onChange={(event) => void pick(event.currentTarget)}
            />
          </>
        )}
        <span class="hint">{t("hint")}</span>
        {mine ? (
          <button type="button" class="send stop" aria-label={t("stop")} title={t("stop")} onClick={() => stop(busy)}>
            <span class="stop-square" />
          </button>
        ) : (
          <button type="submit" class="send" aria-label={t("send")} title={t("send")} aria-disabled={!ready}>
            <Icon name="send" />
          </button>
        )}
      </div>
    </form>
  );
}
