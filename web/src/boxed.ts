/** What stands in a \boxed{}: drawn as people write it, numbers as mathematics and words as text. */

/** The place after the brace that closes the one at `start`; -1 where it stays open. */
export function closingBrace(text: string, start: number): number {
  let depth = 0;
  for (let place = start; place < text.length; place++) {
    if (text[place] === "\\") place++;
    else if (text[place] === "{") depth++;
    else if (text[place] === "}" && --depth === 0) return place + 1;
  }
  return -1;
}

/** Whether the content of a box is words, a time, a date or the letter of a choice rather than mathematics. */
export function isText(content: string): boolean {
  const text = content.trim();
  if (/[\\^_{}=<>|]/.test(text)) return false;
  if (/[^\x00-\x7f°±×÷−≤≥≠√π²³∞]/.test(text)) return true; // Chinese and other scripts
  if (/^\d{1,2}:\d{2}(:\d{2})?$/.test(text)) return true;
  if (/^[A-Z]$/.test(text)) return true;
  return /[A-Za-z]{2,}/.test(text) || /\d\s+[A-Za-z]/.test(text) || /^[A-Z]\d+[A-Z]/.test(text);
}

/** \text{…} of plain words, without its command. */
export function plainText(content: string): string | null {
  const text = content.trim();
  const inner = /^\\(?:text|textbf|mathrm|operatorname)\{([^{}\\$]*)\}$/.exec(text);
  if (inner) return inner[1]!.trim();
  return isText(text) ? text : null;
}

/** LaTeX in which words in a box are set as text, with their spaces. */
export function mendBoxes(tex: string): string {
  let mended = "";
  let place = 0;
  for (;;) {
    const start = tex.indexOf("\\boxed{", place);
    if (start < 0) return mended + tex.slice(place);
    const end = closingBrace(tex, start + 6);
    if (end < 0) return mended + tex.slice(place);
    const inner = tex.slice(start + 7, end - 1);
    mended += tex.slice(place, start);
    mended += isText(inner) ? `\\boxed{\\text{${inner}}}` : `\\boxed{${mendBoxes(inner)}}`;
    place = end;
  }
}

/** The content where the whole text is one box. */
export function soleBox(tex: string): string | null {
  const text = tex.trim().replace(/[.。]$/, "");
  if (!text.startsWith("\\boxed{")) return null;
  const end = closingBrace(text, 6);
  return end === text.length ? text.slice(7, end - 1) : null;
}

/** The content of the last box of an answer. */
export function lastBox(text: string): string | null {
  const start = text.lastIndexOf("\\boxed{");
  if (start < 0) return null;
  const end = closingBrace(text, start + 6);
  return end < 0 ? null : text.slice(start + 7, end - 1);
}

/** Whether a boxed answer is the expected one, up to spaces, case, \text and how a number is written. */
export function sameAnswer(found: string, expected: string): boolean {
  const plain = (text: string) =>
    text.replace(/\\text\{([^}]*)\}/g, "$1").replace(/[\s$]/g, "").replace(/^\+/, "").toLowerCase();
  const [a, b] = [plain(found), plain(expected)];
  return a === b || (a !== "" && b !== "" && Number(a) === Number(b));
}
