/** A modal dialog: the browser keeps the focus inside, and Escape closes it. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../../i18n";
import { focusInput, inputWanted } from "../../state";
import { IconButton } from "./icons";

interface Props {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  class?: string;
}

export function Dialog({ title, onClose, children, ...rest }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current!;
    const before = document.activeElement;
    dialog.showModal();
    return () => {
      const now = document.activeElement; // this may run when the focus has moved on already
      dialog.close(); // gives the focus back by itself, wherever it is
      const back = before instanceof HTMLElement && before.isConnected && before !== document.body;
      if (now instanceof HTMLElement && now !== document.body && !dialog.contains(now)) now.focus();
      else if (back && !inputWanted()) before.focus();
      else focusInput();
    };
  }, []);
  return (
    <dialog
      ref={element} class={`dialog ${rest.class ?? ""}`} aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === element.current && onClose()}
    >
      <div class="dialog-frame">
        <header class="dialog-head">
          <h2>{title}</h2>
          <IconButton icon="close" label={t("close")} onClick={onClose} />
        </header>
        <div class="dialog-body">{children}</div>
      </div>
    </dialog>
  );
}
