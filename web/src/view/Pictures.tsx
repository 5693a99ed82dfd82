/** Pictures of a turn or of the question that is being written: enlarged, removed, put in another order. */

import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { loadPictures, pictureUrl } from "../pictures";
import { enlarged } from "../state";
import type { Picture } from "../types";
import { Icon, IconButton } from "./parts/icons";

/** The pictures of a turn. */
export function ShownPictures({ ids }: { ids: readonly string[] }) {
  const [pictures, setPictures] = useState<Picture[] | null>(null);
  const key = ids.join();
  useEffect(() => {
    let alive = true;
    void loadPictures(ids).then((found) => alive && setPictures(found));
    return () => {
      alive = false;
    };
  }, [key]);
  if (!pictures) return <div class="shown-pictures" />;
  const gone = ids.length - pictures.length;
  return (
    <div class="shown-pictures">
      {pictures.map((picture, index) => (
        <button
          type="button" class="shown-picture" key={picture.id} title={t("enlarge_image", { name: picture.name })}
          onClick={() => (enlarged.value = { pictures, index })}
        >
          <img
            src={pictureUrl(picture)} width={picture.width} height={picture.height} draggable={false}
            alt={t("enlarge_image", { name: picture.name })}
          />
        </button>
      ))}
      {gone > 0 && <p class="note">{t("picture_gone")}</p>}
    </div>
  );
}

interface StripProps {
  pictures: readonly Picture[];
  onChange: (pictures: Picture[]) => void;
}

/** The pictures of a question that is being written. */
export function PictureStrip({ pictures, onChange }: StripProps) {
  const dragged = useRef<number | null>(null);
  const list = useRef<HTMLUListElement>(null);
  if (!pictures.length) return null;
  const move = (from: number, to: number) => {
    if (to < 0 || to >= pictures.length || from === to) return;
    const next = [...pictures];
    next.splice(to, 0, ...next.splice(from, 1));
    onChange(next);
  };
  const moveByKey = (event: KeyboardEvent, index: number) => {
    const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (!step || !event.altKey) return;
    event.preventDefault();
    move(index, index + step);
    requestAnimationFrame(() => list.current?.querySelectorAll<HTMLElement>(".thumb-open")[index + step]?.focus());
  };
  return (
    <ul class="strip" ref={list}>
      {pictures.map((picture, index) => (
        <li
          class="thumb" key={picture.id} draggable={pictures.length > 1}
          onDragStart={(event) => {
            dragged.current = index;
            event.dataTransfer?.setData("text/plain", ""); // Firefox drags nothing without data
          }}
          onDragOver={(event) => dragged.current !== null && event.preventDefault()}
          onDrop={(event) => {
            if (dragged.current === null) return;
            event.preventDefault();
            event.stopPropagation();
            move(dragged.current, index);
          }}
          onDragEnd={() => (dragged.current = null)}
        >
          <button
            type="button" class="thumb-open" title={t("enlarge_image", { name: picture.name })}
            onClick={() => (enlarged.value = { pictures: [...pictures], index })}
            onKeyDown={(event) => moveByKey(event, index)}
          >
            <img src={pictureUrl(picture)} alt={t("enlarge_image", { name: picture.name })} draggable={false} />
          </button>
          <button
            type="button" class="thumb-remove" aria-label={t("remove_image", { name: picture.name })}
            title={t("remove_image", { name: picture.name })}
            onClick={() => onChange(pictures.filter((each) => each !== picture))}
          >
            <Icon name="close" />
          </button>
          {pictures.length > 1 && (
            <span class="thumb-moves">
              <IconButton icon="left" label={t("move_left", { name: picture.name })} disabled={index === 0} onClick={() => move(index, index - 1)} />
              <IconButton icon="right" label={t("move_right", { name: picture.name })} disabled={index === pictures.length - 1} onClick={() => move(index, index + 1)} />
            </span>
          )}
          {picture.from && (
            <span class="thumb-note">
              {t("made_smaller", {
                from: `${picture.from.width}×${picture.from.height}`, to: `${picture.width}×${picture.height}`,
              })}
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

/** One picture over the whole window; arrow keys walk, Escape closes. */
export function Lightbox() {
  const element = useRef<HTMLDialogElement>(null);
  const open = enlarged.value;
  useEffect(() => {
    if (!open) return;
    const before = document.activeElement;
    element.current?.showModal();
    return () => {
      element.current?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, [open !== null]);
  if (!open) return null;
  const picture = open.pictures[open.index]!;
  const walk = (step: number) => {
    const index = (open.index + step + open.pictures.length) % open.pictures.length;
    enlarged.value = { ...open, index };
  };
  const close = () => (enlarged.value = null);
  return (
    <dialog
      ref={element} class="lightbox" aria-label={picture.name} onClick={close}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onKeyDown={(event) => {
        if (event.key === "ArrowLeft") walk(-1);
        if (event.key === "ArrowRight") walk(1);
      }}
    >
      <img src={pictureUrl(picture)} alt={picture.name} width={picture.width} height={picture.height} />
      <p>
        {picture.name} · {picture.width}×{picture.height}
        {open.pictures.length > 1 && ` · ${open.index + 1}/${open.pictures.length}`}
      </p>
      <IconButton class="lightbox-close" icon="close" label={t("close")} onClick={close} />
    </dialog>
  );
}
