// The page of a run: asks for new rows of metrics and for the newest samples, again and again.
"use strict";

const EVERY_MS = 2000;
// these come first where a run has them; the others follow in the order in which they appear
const FIRST = ["reward", "rule", "heldout", "nll", "loss", "accuracy", "grad_norm", "entropy", "kl", "length", "truncated"];
const series = new Map(); // name -> [[step, value], ...]
const said = [];
let from = 0;
let shown = ""; // what the samples part was drawn from

const at = (id) => document.getElementById(id);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function number(value) {
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  return size !== 0 && (size < 0.001 || size >= 1e6) ? value.toExponential(2) : String(+value.toPrecision(4));
}

function addRows(rows) {
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      if (name === "step" || !Number.isFinite(value)) continue;
      if (!series.has(name)) series.set(name, []);
      series.get(name).push([row.step ?? 0, value]);
    }
  }
}

function chart(name, points) {
  const figure = element("figure");
  figure.dataset.name = name;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  const steps = points.map((p) => p[0]);
  const values = points.map((p) => p[1]);
  const [left, right] = [Math.min(...steps), Math.max(...steps)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const place = ([step, value]) =>
    `${right > left ? ((step - left) / (right - left)) * 100 : 50},` +
    `${high > low ? 95 - ((value - low) / (high - low)) * 90 : 50}`;
  line.setAttribute("points", points.length > 1 ? points.map(place).join(" ") : "0,50 100,50");
  svg.append(line);
  const last = number(values[values.length - 1]);
  svg.setAttribute("aria-label", `${name}: ${last} at step ${right}, from ${number(low)} to ${number(high)}`);
  figure.append(element("figcaption", "", `${name}: ${last}  (${number(low)} to ${number(high)})`), svg);
  return figure;
}

function thinned(points, most = 400) {
  if (points.length <= most) return points;
  const every = Math.ceil(points.length / most);
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
}

function drawCharts() {
  const rank = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  const names = [...series.keys()].sort((a, b) => rank(a) - rank(b));
  at("charts").replaceChildren(...names.map((name) => chart(name, thinned(series.get(name)))));
  at("said-part").hidden = said.length === 0;
  at("said").replaceChildren(...said.slice(-20).reverse().map((line) => element("li", "", line)));
}

function drawReply(reply) {
  const kind = reply.advantage > 0 ? "good" : reply.advantage < 0 ? "bad" : "";
  const made = element("div", `reply ${kind}`);
  const parts = Object.entries(reply.parts).map(([name, value]) => `${name} ${number(value)}`);
  made.append(
    element("p", "", `reward ${number(reply.reward)}, advantage ${number(reply.advantage)} (${parts.join(", ")})`
      + (reply.note ? `, ${reply.note}` : "")),
    element("div", "text thinking", reply.thinking),
    element("div", "text answer", reply.answer),
  );
  return made;
}

function drawSamples(found) {
  const choice = at("step");
  const wanted = choice.value;
  choice.replaceChildren(new Option("newest", ""), ...found.steps.toReversed().map((s) => new Option(s, s)));
  choice.value = found.steps.includes(Number(wanted)) ? wanted : "";
  const now = `${found.step}/${found.questions?.length}`;
  if (found.questions === undefined || now === shown) return;
  shown = now;
  const parts = found.questions.map((one) => {
    const made = element("article", "question");
    made.append(element("h3", "", `Step ${found.step}, ${one.family}`));
    for (const source of one.images) {
      const image = element("img");
      image.src = source;
      image.alt = "picture of the question, as the model sees it";
      made.append(image);
    }
    made.append(element("p", "text", one.question), element("p", "quiet", `wanted: ${one.wanted || "no answer"}`));
    made.append(...one.replies.map(drawReply));
    return made;
  });
  at("samples").replaceChildren(...parts);
}

async function refresh() {
  const metrics = await (await fetch(`metrics?from=${from}`)).json();
  if (metrics.anew) {
    series.clear();
    said.length = 0;
  }
  from = metrics.next;
  addRows(metrics.rows);
  said.push(...metrics.said);
  at("run").textContent = metrics.run;
  document.title = `${metrics.run} - r1v train watch`;
  if (metrics.rows.length || metrics.anew) {
    drawCharts();
    const steps = [...series.values()].map((points) => points[points.length - 1][0]);
    at("state").textContent = `step ${Math.max(0, ...steps)}`;
  }
  const step = at("step").value;
  drawSamples(await (await fetch(step ? `samples?step=${step}` : "samples")).json());
}

async function loop() {
  try {
    await refresh();
  } catch {
    at("state").textContent = "the command that serves this page has ended";
  }
  setTimeout(loop, EVERY_MS);
}

at("step").addEventListener("change", () => refresh().catch(() => {}));
loop();
