/** What can be done with a conversation: rename, export, delete. */

import { useLayoutEffect, useId, useRef, useState } from "preact/hooks";
import { exportJson, exportMarkdown } from "../files";
import { t } from "../i18n";
import { focusInput, remove, rename } from "../state";
import type { Conversation } from "../types";
import { Dialog } from "./parts/Dialog";
import { IconButton } from "./parts/icons";

export function ConversationMenu({ conversation }: { conversation: Conversation }) {
  const [open, setOpen] = useState(false);
  const [asking, setAsking] = useState<"rename" | "delete" | null>(null);
  const frame = useRef<HTMLSpanElement>(null);
  const menu = useId();

  // before the menu is painted: an effect after it would take the focus back from a quick Escape
  useLayoutEffect(() => {
    if (!open) return;
    frame.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const outside = (event: Event) => frame.current?.contains(event.target as Node) || setOpen(false);
    window.addEventListener("pointerdown", outside);
    return () => window.removeEventListener("pointerdown", outside);
  }, [open]);

  const close = () => {
    setOpen(false);
    frame.current?.querySelector<HTMLElement>("button")?.focus();
  };
  const walk = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    }
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    const entries = [...frame.current!.querySelectorAll<HTMLElement>("[role=menuitem]")];
    const at = entries.indexOf(document.activeElement as HTMLElement);
    entries[(at + step + entries.length) % entries.length]?.focus();
  };
  const entry = (text: string, act: () => void) => (
    <button
      type="button" role="menuitem" tabIndex={-1} onClick={() => {
        close();
        act();
      }}
    >
      {text}
    </button>
  );
  return (
    <span class="menu-frame" ref={frame} onKeyDown={open ? walk : undefined}>
      <IconButton icon="more" label={`${t("more")}: ${conversation.title}`} expanded={open} onClick={() => setOpen(!open)} />
      {open && (
        <div class="menu" role="menu" id={menu}>
          {entry(t("rename"), () => setAsking("rename"))}
          {entry(t("export_markdown"), () => void exportMarkdown(conversation.id))}
          {entry(t("export_json"), () => void exportJson([conversation.id]))}
          {entry(t("delete"), () => setAsking("delete"))}
        </div>
      )}
      {asking === "rename" && <Rename conversation={conversation} onClose={() => setAsking(null)} />}
      {asking === "delete" && (
        <Dialog title={t("delete")} class="small" onClose={() => setAsking(null)}>
          <p>{t("delete_sure", { title: conversation.title })}</p>
          <div class="dialog-row">
            <button type="button" class="quiet" onClick={() => setAsking(null)}>{t("cancel")}</button>
            <button
              type="button" class="primary danger" onClick={() => {
                setAsking(null);
                void remove(conversation.id).then(() => focusInput());
              }}
            >
              {t("delete")}
            </button>
          </div>
        </Dialog>
      )}
    </span>
  );
}

function Rename({ conversation, onClose }: { conversation: Conversation; onClose: () => void }) {
  const [title, setTitle] = useState(conversation.title);
  return (
    <Dialog title={t("rename")} class="small" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void rename(conversation.id, title);
          onClose();
        }}
      >
        <label class="field">
          <span>{t("title_word")}</span>
          <input value={title} maxLength={200} autofocus onInput={(event) => setTitle(event.currentTarget.value)} />
        </label>
        <div class="dialog-row">
          <button type="button" class="quiet" onClick={onClose}>{t("cancel")}</button>
          <button type="submit" class="primary" disabled={!title.trim()}>{t("save")}</button>
        </div>
      </form>
    </Dialog>
  );
}
