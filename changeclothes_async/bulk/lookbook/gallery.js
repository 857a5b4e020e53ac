"use strict";

/* What the page holds, and what of it is asked for; the address says the same after its "#". */

const $ = (id) => document.getElementById(id);
const book = JSON.parse($("book").textContent);
const { rows, columns, cells } = book;
const places = new Map(cells.map((cell) => [`${cell.row} ${cell.column}`, cell]));
const names = new Map(cells.map((cell) => [cell.name, cell]));
const asked = { kind: "all", words: "", wall: book.wall, cell: null };
let matches = cells;
let matching = new Set(cells);
let active = null;

for (const cell of cells) {
  const text = [cell.name, cell.model, cell.garment, rows[cell.row].text, columns[cell.column].text];
  cell.text = text.join(" ").toLowerCase();
}

function readAddress() {
  const said = new URLSearchParams(location.hash.slice(1));
  asked.kind = said.get("state") in book.counts ? said.get("state") : "all";
  asked.words = said.get("q") || "";
  asked.wall = book.wall || said.get("view") === "wall";
  asked.cell = names.get(said.get("cell")) || null;
}

function writeAddress(push = false) {
  const said = new URLSearchParams();
  if (asked.kind !== "all") said.set("state", asked.kind);
  if (asked.words) said.set("q", asked.words);
  if (asked.wall && !book.wall) said.set("view", "wall");
  if (asked.cell) said.set("cell", asked.cell.name);
  const address = `#${said}`;
  if (address !== (location.hash || "#")) {
    history[push ? "pushState" : "replaceState"](null, "", address);
  }
}

/* Small things */

function make(tag, name = "", ...children) {
  const element = document.createElement(tag);
  element.className = name;
  element.append(...children);
  return element;
}

const lines = {
  failed: "M10 3.5l7.5 13h-15zM10 8.5v3.5M10 14.3v.2",
  unsure: "M7.3 7.6a2.8 2.8 0 1 1 4 2.6c-.9.5-1.3 1-1.3 2M10 14.6v.2M10 18a8 8 0 1 1 0-16 8 8 0 0 1 0 16z",
  open: "M10 18a8 8 0 1 1 0-16 8 8 0 0 1 0 16zM10 5.5V10l3 2",
  saved: "M3 4h14v12H3zM3 13l4-4 4 4 2-2 4 4",
  before: "M12.5 4l-6 6 6 6",
  after: "M7.5 4l6 6-6 6",
  close: "M5 5l10 10M15 5L5 15",
  theme: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  wall: "M3 3h6v8H3zM11 3h6v5h-6zM11 10h6v7h-6zM3 13h6v4H3z",
  grid: "M3 3h4v4H3zM9 3h8M9 7h8M3 10h4v7H3zM9 10h8v7H9z",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", lines[name]);
  path.setAttribute("stroke-linecap", "round");
  path.setAttribute("stroke-linejoin", "round");
  svg.append(path);
  return svg;
}

function picture(source, text, instead) {
  const image = make("img");
  // What is in sight at first appears in one piece; later ones must not hold up the scrolling.
  image.decoding = document.readyState === "complete" ? "async" : "sync";
  image.draggable = false;
  image.alt = text;
  image.addEventListener("error", () => image.replaceWith(instead()), { once: true });
  image.src = source;
  return image;
}

function told(cell) {
  return make("div", `told ${cell.kind}`, icon(cell.kind), make("span", "", cell.words));
}

function spoken(cell) {
  if (book.wall || !cell.garment) return cell.name;
  return columns[cell.column].text ? `${cell.model}, ${cell.garment}` : `${cell.model} in ${cell.garment}`;
}

function sentence(words) {
  return /[.!?…]$/.test(words) ? words : `${words}.`;
}

/* What is open was not sent, unless a run was left amid a call. */
const unsent = cells.every((cell) => cell.kind !== "open" || cell.words === "not sent");

function label(kind) {
  return capital(kind === "open" && unsent ? "not sent" : kind);
}

function capital(words) {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/* The filter */

function choose() {
  const words = asked.words.toLowerCase().split(/\s+/).filter(Boolean);
  matches = cells.filter(
    (cell) =>
      (asked.kind === "all" || cell.kind === asked.kind) &&
      words.every((word) => cell.text.includes(word)),
  );
  matching = new Set(matches);
  if (!matching.has(active)) active = matches[0] || null;
  for (const button of $("kinds").children) {
    button.setAttribute("aria-pressed", button.value === asked.kind);
    button.hidden = book.counts[button.value] === 0 && button.value !== asked.kind;
  }
  if ($("words").value !== asked.words) $("words").value = asked.words;
  $("layout").replaceChildren(icon(asked.wall ? "grid" : "wall"));
  $("layout").setAttribute("aria-label", asked.wall ? "Show as a grid" : "Show as a wall");
  $("nothing").hidden = matches.length > 0;
  $("grid").hidden = matches.length === 0;
  $("live").textContent = `${matches.length} of ${cells.length} shown`;
  $("scroller").scrollTo(0, 0);
  arrange();
}

function ask(changes) {
  Object.assign(asked, changes);
  writeAddress();
  choose();
}

for (const kind of ["all", ...Object.keys(book.counts)]) {
  const total = Object.values(book.counts).reduce((sum, count) => sum + count, 0);
  const count = kind === "all" ? total : book.counts[kind];
  const button = make("button", "", label(kind), make("b", "", count.toLocaleString("en")));
  if (kind !== "all") button.prepend(make("i", kind));
  button.type = "button";
  button.value = kind;
  button.addEventListener("click", () => ask({ kind }));
  $("kinds").append(button);
}
$("words").addEventListener("input", (event) => {
  asked.words = event.target.value;
  choose();
});
$("words").addEventListener("change", () => writeAddress());
$("all").addEventListener("click", () => ask({ kind: "all", words: "" }));
$("layout").addEventListener("click", () => ask({ wall: !asked.wall }));
$("layout").hidden = book.wall;

/* The head of the page */

document.title = `${book.title} · lookbook`;
$("title").textContent = book.title;
$("size").textContent = book.size;
for (const id of ["stopped", "note"]) {
  $(id).hidden = !book[id];
  $(id).textContent = id === "stopped" ? `The run stopped early: ${sentence(book[id])}` : book[id];
}
for (const id of ["theme", "before", "after", "close"]) $(id).append(icon(id));

const themes = document.documentElement.dataset;
try {
  if (localStorage.theme) themes.theme = localStorage.theme;
} catch { /* pages from disk may have no storage */ }
$("theme").addEventListener("click", () => {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  themes.theme = (themes.theme || system) === "dark" ? "light" : "dark";
  try {
    localStorage.theme = themes.theme;
  } catch { /* as above */ }
});
