import { useState } from "preact/hooks";
import { t } from "../../i18n";
import { copyText } from "./copy";
import { IconButton } from "./icons";

/** Copies a text, and shows for a moment that it did. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    if (!(await copyText(text))) return;
    setDone(true);
    setTimeout(() => setDone(false), 1_500);
  };
  return <IconButton icon={done ? "check" : "copy"} label={done ? t("copied") : label} onClick={() => void copy()} />;
}
