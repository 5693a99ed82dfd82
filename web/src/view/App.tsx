/** The whole page. */

import { useState } from "preact/hooks";
import { checkConnection, connection, listingFailure } from "../connection";
import { explain } from "../failures";
import { dragging } from "../incoming";
import { t } from "../i18n";
import { preferences } from "../settings";
import {
  announcement, current, dialog, drawer, focusInput, model, notice, path, show,
} from "../state";
import { storeProblem } from "../store";
import type { Turn } from "../types";
import { Composer } from "./Composer";
import { ConversationMenu } from "./ConversationMenu";
import { ExamplesDialog } from "./ExamplesDialog";
import { Icon, IconButton, Mark } from "./parts/icons";
import { ModelDialog } from "./ModelDialog";
import { DataDialog, KeyDialog, ShortcutsDialog } from "./OtherDialogs";
import { Lightbox } from "./Pictures";
import { SettingsDialog } from "./SettingsDialog";
import { Sidebar } from "./Sidebar";
import { Thread } from "./Thread";
import { ExampleCards, Hero } from "./Welcome";

export function App() {
  const [editing, setEditing] = useState<string | null>(null);
  const first = current.value === null;
  const editLast = () => {
    const last = [...path.value].reverse().find((turn) => turn.role === "user");
    if (last) setEditing(last.id);
  };
  const edit = (turn: Turn | null) => setEditing(turn?.id ?? null);
  return (
    <div class="page">
      <a class="skip" href="#question" onClick={(event) => {
        event.preventDefault();
        focusInput(true);
      }}>{t("jump_to_input")}</a>
      <Sidebar />
      <main class={first ? "main first" : "main"}>
        <Head />
        <Banners />
        {first ? <Hero /> : <Thread editing={editing} onEdit={edit} />}
        <Composer onEditLast={editLast} />
        {first && <ExampleCards />}
      </main>
      <Dialogs />
      <Lightbox />
      {dragging.value && (
        <div class="drop" aria-hidden="true">
          <p>
            <Icon name="image" />
            <strong>{t("drop_here")}</strong>
            <span>{t("drop_text")}</span>
          </p>
        </div>
      )}
      {notice.value && (
        <div class="toast" data-kind={notice.value.kind} role={notice.value.kind === "problem" ? "alert" : "status"}>
          <span>{notice.value.text}</span>
          <IconButton icon="close" label={t("dismiss")} onClick={() => (notice.value = null)} />
        </div>
      )}
      <div class="off-screen" role="status" aria-live="polite">{announcement.value}</div>
    </div>
  );
}

function Head() {
  const wide = preferences.value.sidebar;
  const found = current.value;
  const open = () => {
    drawer.value = true;
    preferences.value = { ...preferences.value, sidebar: true };
  };
  return (
    <div class="head">
      <span class="head-open" data-wide={wide}>
        <IconButton icon="sidebar" label={t("open_sidebar")} onClick={open} />
        <Mark />
      </span>
      <button type="button" class="model-button" title={t("about_model")} onClick={() => (dialog.value = "model")}>
        <span class="dot" data-state={connection.value} />
        <span>{model.value?.id ?? t(connection.value === "unknown" ? "loading" : "no_model")}</span>
        <Icon name="down" />
      </button>
      <span class="head-space" />
      {found && (
        <>
          <button type="button" class="pill quiet-pill" title={t("more_examples")} onClick={() => (dialog.value = "examples")}>
            <Icon name="grid" /><span>{t("more_examples")}</span>
          </button>
          <IconButton icon="plus" label={t("new_chat")} onClick={() => void show(null).then(() => focusInput())} />
          <ConversationMenu conversation={found} />
        </>
      )}
    </div>
  );
}

function Banners() {
  const failure = listingFailure.value && listingFailure.value.status !== 401 ? explain(listingFailure.value) : null;
  return (
    <>
      {connection.value === "lost" && (
        <div class="banner" role="alert">
          <span class="spinner" aria-hidden="true" />
          <span>{t(navigator.onLine ? "lost" : "lost_offline")}</span>
          <button type="button" class="quiet" onClick={() => void checkConnection()}>{t("retry")}</button>
        </div>
      )}
      {failure && connection.value !== "lost" && (
        <div class="banner" role="alert"><span><strong>{failure.title}.</strong> {failure.text} {failure.said}</span></div>
      )}
      {storeProblem.value && (
        <div class="banner" role="alert"><span>{t(storeProblem.value === "full" ? "store_full" : "only_memory")}</span></div>
      )}
    </>
  );
}

function Dialogs() {
  switch (dialog.value) {
    case "settings": return <SettingsDialog />;
    case "model": return <ModelDialog />;
    case "examples": return <ExamplesDialog />;
    case "key": return <KeyDialog />;
    case "shortcuts": return <ShortcutsDialog />;
    case "data": return <DataDialog />;
    default: return null;
  }
}
