/** Files on their way into the page: dropped anywhere, pasted, picked or photographed. */

import { signal } from "@preact/signals";
import { importJson, ImportError } from "./files";
import { t } from "./i18n";
import { maybeImage, PictureError, readPicture } from "./pictures";
import { announcement, dialog, draft, focusInput, model, notify, takesImages } from "./state";
import type { Picture } from "./types";

/** How many files are being read. */
export const reading = signal(0);
/** Whether something is held over the page that can be dropped. */
export const dragging = signal(false);

/** Characters of one question; far beyond every model's context. */
export const MAX_QUESTION = 2_000_000;

/** Read files as pictures. What cannot be used is said, and the rest goes on. */
export async function readFiles(files: readonly File[], already: number): Promise<Picture[]> {
  const most = model.value?.max_images ?? Infinity;
  const found: Picture[] = [];
  reading.value += files.length;
  for (const file of files) {
    try {
      if (!takesImages(model.value) && maybeImage(file)) notify(t("no_vision"), "problem");
      else if (already + found.length >= most) notify(t("too_many", { n: most }), "problem");
      else found.push(await readPicture(file, ""));
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      notify(t(error.problem, { name: error.file || "?" }), "problem");
    } finally {
      reading.value--;
    }
  }
  for (const { name, from, width, height } of found)
    if (from) announcement.value = `${name}: ${t("made_smaller", { from: `${from.width}×${from.height}`, to: `${width}×${height}` })}`;
  return found;
}

/** Add the conversations of an exported file, and say how many they were. */
export async function importFile(file: File): Promise<void> {
  try {
    notify(t("imported", { n: await importJson(file) }));
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
    notify(t("import_failed"), "problem");
  }
}

let before: Promise<void> = Promise.resolve();

/** Add files to the question that is being written, one after the other; an exported conversation is imported. */
export function addFiles(files: readonly File[]): Promise<void> {
  before = before.catch(() => undefined).then(() => addNow(files));
  return before;
}

async function addNow(files: readonly File[]): Promise<void> {
  const json = files.filter((file) => file.type === "application/json" || file.name.endsWith(".json"));
  for (const file of json) await importFile(file);
  const rest = files.filter((file) => !json.includes(file));
  const found = await readFiles(rest, draft.value.pictures.length);
  if (found.length) draft.value = { ...draft.value, pictures: [...draft.value.pictures, ...found] };
}

/** Where dropped and pasted files go: into the turn that is being edited, or the question. */
export const receiver: { current: ((files: File[]) => Promise<void>) | null } = { current: null };

function take(files: File[]): void {
  if (files.length) void (receiver.current ?? addFiles)(files).then(() => receiver.current || focusInput());
}

function holdsFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

/** Take what is dropped on any part of the page, so that no file ever replaces the page. */
export function watchFiles(): void {
  let leaving: ReturnType<typeof setTimeout> | undefined;
  window.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
    dragging.value = true;
    clearTimeout(leaving);
    leaving = setTimeout(() => (dragging.value = false), 300); // dragover comes again and again while it is held
  });
  window.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    dragging.value = false;
    if (dialog.value && dialog.value !== "key") dialog.value = null;
    take([...(event.dataTransfer?.files ?? [])]);
  });
  window.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return; // text goes where the cursor is
    event.preventDefault();
    take(files);
  });
}
