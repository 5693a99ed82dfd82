"use strict";
(() => {
  const source = document.getElementById("samples");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const byId = (id) => document.getElementById(id);
  const [run, task, verdict, text] = ["f-run", "f-task", "f-verdict", "f-text"].map(byId);
  const list = byId("list"), detail = byId("detail"), count = byId("count");
  let shown = [], chosen = 0;

  // everything a model wrote goes in as text, never as markup
  const make = (name, content, kind) => {
    const element = document.createElement(name);
    if (content !== undefined) element.textContent = content;
    if (kind) element.className = kind;
    return element;
  };
  const fill = (select, entries) => {
    select.append(...entries.map(([value, label]) => {
      const option = make("option", label);
      option.value = value;
      return option;
    }));
  };
  const present = (key) => [...new Set(data.samples.map((one) => one[key]))];
  fill(run, [["", "all"], ...data.runs.map((name, index) => [String(index), name])]);
  fill(task, [["", "all"], ...present("task").map((name) => [name, data.titles[name] || name])]);
  fill(verdict, [["", "all"], ...present("verdict").map((name) => [name, name])]);

  const select = (index) => {
    chosen = Math.max(0, Math.min(index, shown.length - 1));
    [...list.children].forEach((row, place) => row.setAttribute("aria-selected", place === chosen));
    const row = list.children[chosen];
    if (row) {  // within the list only: scrollIntoView would move the page as well
      const top = row.offsetTop - list.offsetTop;
      if (top < list.scrollTop) list.scrollTop = top;
      if (top + row.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top + row.offsetHeight - list.clientHeight;
    }
    show(shown[chosen]);
  };
  const block = (title, content) => content ? [make("h4", title), make("pre", content)] : [];
  const show = (one) => {
    detail.replaceChildren();
    if (!one) return;
    const head = make("div");
    head.append(make("span", one.verdict, "badge v-" + one.verdict), " ",
      make("small", [data.titles[one.task] || one.task, one.id, one.group, data.runs[one.run],
        one.tokens + " tokens", one.epoch > 1 ? "epoch " + one.epoch : ""].filter(Boolean).join(" · ")));
    detail.append(head);
    if (one.images.length) {
      detail.append(make("h4", "Picture"));
      one.images.forEach((name) => {
        const image = make("img");
        image.src = data.pictures[name];
        image.alt = "picture of the question";
        detail.append(image);
      });
    }
    detail.append(...block("Question", one.question), ...block("Thinking", one.thinking), ...block("Answer", one.answer));
    const pairs = make("div", undefined, "pairs");
    for (const [title, content] of [["Read as the answer", one.extracted || "nothing"], ["Right answer", one.right]]) {
      const cell = make("div");
      cell.append(...block(title, content));
      pairs.append(cell);
    }
    detail.append(pairs, make("h4", "Decided by: " + one.rule));
  };
  const update = () => {
    const words = text.value.toLowerCase();
    shown = data.samples.filter((one) =>
      (!run.value || String(one.run) === run.value) && (!task.value || one.task === task.value) &&
      (!verdict.value || one.verdict === verdict.value) &&
      (!words || (one.id + one.question + one.thinking + one.answer).toLowerCase().includes(words)));
    count.textContent = shown.length + " of " + data.samples.length;
    list.replaceChildren(...shown.map((one, index) => {
      const row = make("li");
      const more = [data.runs.length > 1 ? data.runs[one.run] : "", one.epoch > 1 ? "epoch " + one.epoch : ""];
      row.append(make("i", undefined, "dot v-" + one.verdict), make("span", one.id),
        make("small", more.filter(Boolean).join(", ")));
      row.title = one.verdict;
      row.addEventListener("click", () => select(index));
      return row;
    }));
    select(0);
  };
  [run, task, verdict].forEach((input) => input.addEventListener("change", update));
  text.addEventListener("input", update);
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  list.addEventListener("keydown", (event) => {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (step) { event.preventDefault(); select(chosen + step); }
  });
  update();
})();
