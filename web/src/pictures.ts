/** Images on their way in: read by the browser, made smaller where they are large, and named in errors. */

import { preferences, newId } from "./settings";
import { getPicture } from "./store";
import type { Picture } from "./types";

/** Longest side that is sent. The models' own tiles see no more than this of an image. */
export const MAX_SIDE = 2048;
const MAX_BYTES = 4 << 20;
const AS_THEY_ARE = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const QUALITY = 0.92;

export type PictureProblem = "not_image" | "unreadable" | "heic" | "empty";

export class PictureError extends Error {
  constructor(readonly problem: PictureProblem, readonly file: string) {
    super(problem);
  }
}

const HEIC = /\.(heic|heif)$/i;

/** Whether a file may be an image; the type is empty where the system does not know HEIC. */
export function maybeImage(file: File): boolean {
  return file.type.startsWith("image/") || HEIC.test(file.name) || /\.(png|jpe?g|webp|gif|avif|bmp)$/i.test(file.name);
}

/** A file as it will be sent. Throws a PictureError. */
export async function readPicture(file: File, conversation: string): Promise<Picture> {
  if (!maybeImage(file)) throw new PictureError("not_image", file.name);
  if (file.size === 0) throw new PictureError("empty", file.name);
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    const heic = HEIC.test(file.name) || /hei[cf]/.test(file.type);
    throw new PictureError(heic ? "heic" : "unreadable", file.name);
  }
  const { width, height } = bitmap;
  const name = file.name || "image";
  const large = Math.max(width, height) > MAX_SIDE || file.size > MAX_BYTES;
  const picture: Picture = { id: newId(), conversation, name, blob: file, width, height };
  if (AS_THEY_ARE.includes(file.type) && !(large && preferences.value.shrink)) {
    bitmap.close();
    // a Blob of its own: a File may stop being readable when its original changes
    picture.blob = new Blob([await file.arrayBuffer()], { type: file.type });
    return picture;
  }
  const scale = preferences.value.shrink ? Math.min(1, MAX_SIDE / Math.max(width, height)) : 1;
  picture.width = Math.max(1, Math.round(width * scale));
  picture.height = Math.max(1, Math.round(height * scale));
  const drawing = file.type === "image/png" || file.type === "image/gif";
  picture.blob = await redraw(bitmap, picture.width, picture.height, drawing);
  bitmap.close();
  if (scale < 1) picture.from = { width, height };
  return picture;
}

async function redraw(bitmap: ImageBitmap, width: number, height: number, drawing: boolean): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  const encode = (type: string) =>
    new Promise<Blob>((resolve, reject) =>
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no blob"))), type, QUALITY),
    );
  context.drawImage(bitmap, 0, 0, width, height);
  if (drawing) {
    const png = await encode("image/png"); // lines and letters stay sharp
    if (png.size <= MAX_BYTES) return png;
  }
  context.globalCompositeOperation = "destination-over"; // JPEG knows no transparency
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  return encode("image/jpeg");
}

/** A blob as a data: URL. */
export function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error("unreadable"));
    reader.readAsDataURL(blob);
  });
}

export function blobOf(base64: string, type: string): Blob {
  return new Blob([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], { type });
}

const urls = new Map<string, string>();

/** An address under which this page can show a picture; made once. */
export function pictureUrl(picture: Picture): string {
  let url = urls.get(picture.id);
  if (!url) {
    url = URL.createObjectURL(picture.blob);
    urls.set(picture.id, url);
  }
  return url;
}

export async function loadPictures(ids: readonly string[]): Promise<Picture[]> {
  const found = await Promise.all(ids.map(getPicture));
  return found.filter((picture) => picture !== undefined);
}
