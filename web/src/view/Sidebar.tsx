/** The list of conversations. */

import { useState } from "preact/hooks";
import { language, t } from "../i18n";
import type { Words } from "../words/en";
import { preferences } from "../settings";
import { conversations, currentId, dialog, drawer, focusInput, runs, show, turns } from "../state";
import { allTurns } from "../store";
import type { Conversation } from "../types";
import { ConversationMenu } from "./ConversationMenu";
import { Icon, IconButton, Mark } from "./parts/icons";

const DAY_MS = 86_400_000;

function ageOf(conversation: Conversation): keyof Words {
  const midnight = new Date().setHours(0, 0, 0, 0);
  if (conversation.updated >= midnight) return "today";
  if (conversation.updated >= midnight - DAY_MS) return "yesterday";
  return conversation.updated >= midnight - 7 * DAY_MS ? "week" : "earlier";
}

/** Ids of the conversations whose title or turns hold all the words. */
async function search(words: string): Promise<Set<string>> {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const texts = new Map(conversations.value.map((each) => [each.id, each.title]));
  for (const turn of await allTurns())
    texts.set(turn.conversation, `${texts.get(turn.conversation) ?? ""}\n${turn.text}\n${turn.thinking}`);
  const fits = (text: string) => wanted.every((word) => text.toLowerCase().includes(word));
  return new Set([...texts].filter(([, text]) => fits(text)).map(([id]) => id));
}

export function Sidebar() {
  const [words, setWords] = useState("");
  const [found, setFound] = useState<Set<string> | null>(null);
  const wide = preferences.value.sidebar;
  const look = (text: string) => {
    setWords(text);
    if (!text.trim()) setFound(null);
    else void search(text).then(setFound);
  };
  const listed = conversations.value.filter((each) => found?.has(each.id) ?? true);
  const groups = (["today", "yesterday", "week", "earlier"] as const)
    .map((age) => ({ age, members: listed.filter((each) => ageOf(each) === age) }))
    .filter(({ members }) => members.length > 0);
  const fresh = () => void show(null).then(() => focusInput());
  const hide = () => {
    drawer.value = false;
    preferences.value = { ...preferences.value, sidebar: false };
  };
  return (
    <>
      {drawer.value && <div class="shade" onClick={() => (drawer.value = false)} />}
      <nav class="sidebar" data-open={drawer.value} data-wide={wide} aria-label={t("conversations")}>
        <div class="sidebar-head">
          <button type="button" class="home" onClick={fresh} title={t("new_chat")} aria-label={`r1v: ${t("new_chat")}`}><Mark /></button>
          <IconButton icon="sidebar" label={t("close_sidebar")} onClick={hide} />
        </div>
        <button type="button" class="new-chat" onClick={fresh}>
          <Icon name="plus" />
          {t("new_chat")}
        </button>
        <label class="search">
          <Icon name="search" />
          <input
            id="search" type="search" value={words} placeholder={t("search")} aria-label={t("search")}
            onInput={(event) => look(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Escape" && words) {
                event.stopPropagation();
                look("");
              }
            }}
          />
        </label>
        <div class="list">
          {!conversations.value.length && <p class="note">{t("no_conversations")}</p>}
          {found && !listed.length && <p class="note" role="status">{t("search_nothing")}</p>}
          {groups.map(({ age, members }) => (
            <section key={age}>
              <h2>{t(age)}</h2>
              <ul>
                {members.map((each) => (
                  <Item key={each.id} conversation={each} />
                ))}
              </ul>
            </section>
          ))}
        </div>
        <div class="sidebar-foot" lang={language.value}>
          <button type="button" onClick={() => (dialog.value = "settings")}><Icon name="gear" />{t("settings")}</button>
          <IconButton icon="box" label={t("data")} onClick={() => (dialog.value = "data")} />
          <IconButton icon="keyboard" label={t("shortcuts")} onClick={() => (dialog.value = "shortcuts")} />
        </div>
      </nav>
    </>
  );
}

function Item({ conversation }: { conversation: Conversation }) {
  const here = currentId.value === conversation.id;
  const busy = [...runs.value.keys()].some((id) => turns.value.get(id)?.conversation === conversation.id);
  return (
    <li class="item" data-current={here}>
      <a
        href={`#${conversation.id}`} aria-current={here ? "page" : undefined} title={conversation.title}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return; // in a tab of its own
          event.preventDefault();
          void show(conversation.id).then(() => focusInput());
        }}
      >
        {busy && <span class="busy-dot" aria-hidden="true" />}
        {conversation.title}
      </a>
      <ConversationMenu conversation={conversation} />
    </li>
  );
}
