/**
 * What a model wrote, as safe HTML.
 *
 * markdown-it makes HTML in which the model's own HTML is text; DOMPurify lets only the elements through that
 * are listed here; KaTeX draws mathematics into elements, without commands that link or load. Nothing that a
 * model writes can load an image, run a script or restyle the page.
 */

import MarkdownIt from "markdown-it";
import { tex } from "@mdit/plugin-tex";
import DOMPurify from "dompurify";
import katex from "katex";
import { closingBrace, mendBoxes, plainText, soleBox } from "./boxed";

interface Env {
  /** The text is still being written, so an open box shows what it holds so far. */
  growing?: boolean;
}

const markdown = new MarkdownIt({ html: false, linkify: false, breaks: true, typographer: false });

const math = (content: string, display: boolean): string => {
  const box = soleBox(content);
  if (box !== null) return boxHtml(box);
  return `<span class="math${display ? " display" : ""}" data-tex="${escape(content)}"></span>`;
};

markdown.use(tex, { delimiters: "all", mathFence: true, render: math });
markdown.disable("image"); // "![x](…)" stays text

// \boxed{…} outside of mathematics, as R1V models end their answers
markdown.inline.ruler.before("escape", "boxed", (state, silent) => {
  if (!state.src.startsWith("\\boxed{", state.pos)) return false;
  let end = closingBrace(state.src, state.pos + 6);
  if (end < 0) {
    if (!(state.env as Env | undefined)?.growing) return false;
    end = state.src.length + 1;
  }
  if (!silent) {
    const token = state.push("html_inline", "", 0);
    token.content = boxHtml(state.src.slice(state.pos + 7, end - 1));
  }
  state.pos = Math.min(end, state.posMax);
  return true;
});

// alignment as a class: the page's policy allows no style attributes
for (const name of ["th_open", "td_open"])
  markdown.renderer.rules[name] = (tokens, index, options, _env, self) => {
    const style = tokens[index]!.attrGet("style");
    const side = style && /text-align:(\w+)/.exec(style)?.[1];
    tokens[index]!.attrs = side ? [["class", `align-${side}`]] : null;
    return self.renderToken(tokens, index, options);
  };

markdown.renderer.rules["link_open"] = (tokens, index, options, _env, self) => {
  const token = tokens[index]!;
  const href = token.attrGet("href") ?? "";
  token.attrs = [["href", href], ["title", href], ["target", "_blank"], ["rel", "noopener noreferrer nofollow"]];
  return self.renderToken(tokens, index, options);
};
markdown.validateLink = (url) => /^(https?:\/\/|mailto:)/i.test(url.trim());

function escape(text: string): string {
  return markdown.utils.escapeHtml(text);
}

function boxHtml(content: string): string {
  const text = plainText(content);
  if (text !== null) return `<span class="boxed">${escape(text)}</span>`;
  return `<span class="boxed"><span class="math" data-tex="${escape(content)}"></span></span>`;
}

const ALLOWED = {
  ALLOWED_TAGS: [
    "p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "h1", "h2", "h3", "h4",
    "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "a", "span", "div",
  ],
  ALLOWED_ATTR: ["href", "title", "target", "rel", "class", "start", "data-tex"],
  ALLOW_DATA_ATTR: false,
  ADD_URI_SAFE_ATTR: ["data-tex", "target", "rel", "start"], // the expression below is for addresses
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  RETURN_DOM_FRAGMENT: true as const,
};

// longer formulas, and tables of more cells, are shown as text: laying them out could take seconds
const MAX_TEX = 2_500;
const MAX_CELLS = 400;

/** One paragraph, list, table or other part of a text. `html` changes only where the text changes. */
export interface Block {
  key: string;
  html: string;
}

/** The parts of a text, so that only those are drawn again that have changed. */
export function blocks(text: string, growing = false): Block[] {
  const env: Env = { growing };
  const tokens = markdown.parse(text, env);
  const found: Block[] = [];
  let start = 0;
  let depth = 0;
  tokens.forEach((token, index) => {
    depth += token.nesting;
    if (depth === 0) {
      const html = markdown.renderer.render(tokens.slice(start, index + 1), markdown.options, env);
      found.push({ key: String(found.length), html });
      start = index + 1;
    }
  });
  return found;
}

/** Put a block's HTML into an element. */
export function fill(element: HTMLElement, html: string): void {
  const fragment = DOMPurify.sanitize(html, ALLOWED);
  for (const place of fragment.querySelectorAll<HTMLElement>("[data-tex]")) drawMath(place);
  for (const link of fragment.querySelectorAll("a")) nameTheHost(link);
  for (const table of fragment.querySelectorAll("table")) {
    const frame = document.createElement("div");
    frame.className = "table";
    frame.tabIndex = 0; // so that a keyboard can scroll a wide table
    table.replaceWith(frame);
    frame.append(table);
  }
  for (const code of fragment.querySelectorAll("pre")) code.tabIndex = 0;
  element.replaceChildren(fragment);
}

function drawMath(place: HTMLElement): void {
  const source = place.dataset["tex"] ?? "";
  place.removeAttribute("data-tex");
  if (source.length > MAX_TEX || source.split(/&|\\\\/).length > MAX_CELLS) {
    place.textContent = source;
    return;
  }
  try {
    katex.render(mendBoxes(source), place, {
      displayMode: place.classList.contains("display"), throwOnError: false, strict: "ignore", trust: false,
      maxSize: 20, maxExpand: 200, output: "htmlAndMathml",
    });
  } catch {
    place.textContent = source; // nested too deep
  }
}

/** A link says where it goes, so that its words cannot pretend. */
function nameTheHost(link: HTMLAnchorElement): void {
  const href = link.getAttribute("href");
  if (!href) {
    link.replaceWith(...link.childNodes);
    return;
  }
  const host = /^https?:\/\/([^/?#]+)/i.exec(href)?.[1] ?? href.replace(/^mailto:/i, "");
  if (link.textContent?.includes(host)) return;
  const note = document.createElement("span");
  note.className = "host";
  note.textContent = ` (${host})`;
  link.append(note);
}
