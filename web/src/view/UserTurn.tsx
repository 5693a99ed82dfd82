/** A question with its pictures; it can be edited, which makes a branch. */

import { useEffect, useRef, useState } from "preact/hooks";
import { edit } from "../ask";
import { toolName } from "../examples";
import { readFiles, receiver } from "../incoming";
import { t } from "../i18n";
import { loadPictures } from "../pictures";
import { focusInput } from "../state";
import type { Picture, Turn } from "../types";
import { Branches } from "./Branches";
import { fitHeight } from "./Composer";
import { CopyButton } from "./parts/CopyButton";
import { IconButton } from "./parts/icons";
import { memo } from "./parts/memo";
import { PictureStrip, ShownPictures } from "./Pictures";

interface Props {
  turn: Turn;
  editing: boolean;
  busy: boolean;
  onEdit: (turn: Turn | null) => void;
}

export const UserTurn = memo(function UserTurn({ turn, editing, busy, onEdit }: Props) {
  return (
    <article class="turn asked" aria-label={t("you")}>
      {editing ? (
        <Editor turn={turn} onDone={() => onEdit(null)} />
      ) : (
        <>
          {turn.pictures.length > 0 && <ShownPictures ids={turn.pictures} />}
          {turn.tool && <p class="drawn-with">{t("drawn_with", { tool: toolName(turn.tool) })}</p>}
          {turn.text && <div class="bubble">{turn.text}</div>}
          <footer class="actions">
            <Branches turn={turn} />
            {turn.text && <CopyButton text={turn.text} label={t("copy_question")} />}
            <IconButton icon="edit" label={t("edit")} disabled={busy} onClick={() => onEdit(turn)} />
          </footer>
        </>
      )}
    </article>
  );
});

function Editor({ turn, onDone }: { turn: Turn; onDone: () => void }) {
  const [text, setText] = useState(turn.text);
  const [pictures, setPictures] = useState<Picture[]>([]);
  const area = useRef<HTMLTextAreaElement>(null);
  const held = useRef<Picture[]>([]);
  held.current = pictures;

  useEffect(() => {
    void loadPictures(turn.pictures).then(setPictures);
    area.current?.focus();
    area.current?.setSelectionRange(turn.text.length, turn.text.length);
    receiver.current = async (files) => {
      const found = await readFiles(files, held.current.length);
      setPictures([...held.current, ...found]);
    };
    return () => {
      receiver.current = null;
    };
  }, []);
  useEffect(() => {
    if (area.current) fitHeight(area.current);
  }, [text]);

  const done = () => {
    onDone();
    focusInput();
  };
  const submit = () => {
    if (!text.trim() && !pictures.length) return;
    void edit(turn, text.trim(), pictures);
    done();
  };
  return (
    <form
      class="editor" onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <PictureStrip pictures={pictures} onChange={setPictures} />
      <textarea
        ref={area} rows={1} value={text} aria-label={t("edit")} onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.isComposing) return;
          if (event.key === "Enter" && !event.shiftKey) {
            event.preventDefault();
            submit();
          } else if (event.key === "Escape") {
            event.stopPropagation();
            done();
          }
        }}
      />
      <div class="editor-row">
        <button type="button" class="quiet" onClick={done}>{t("cancel")}</button>
        <button type="submit" class="primary">{t("ask_again")}</button>
      </div>
    </form>
  );
}
