/* The large view: a result with what it was made of, what it cost, and what to do next. */

const large = $("large");

function openLarge(cell) {
  const before = asked.cell;
  asked.cell = cell;
  if (matching.has(cell)) reveal(cell);
  writeAddress(!before);
  fillLarge(cell);
  if (!large.open) large.showModal();
}

function fillLarge(cell) {
  const number = matches.indexOf(cell);
  const row = rows[cell.row];
  const column = columns[cell.column];
  $("name").textContent = spoken(cell);
  const [place, all] = [number + 1, matches.length].map((n) => n.toLocaleString("en"));
  $("place").textContent = number < 0 ? "" : `${place} of ${all}`;
  $("before").disabled = number <= 0;
  $("after").disabled = number === matches.length - 1;
  $("stage").replaceChildren(onStage(cell));
  $("sources").replaceChildren(
    ...source("Model", row, cell.model),
    ...source(column.text ? "Prompt" : "Garment", column, cell.garment),
    ...source("Mask", { picture: cell.mask }, ""),
  );
  const known = cell.kind === "saved" || cell.kind === cell.words;
  const state =
    cell.kind === "open" ? capital(cell.words) : capital(cell.kind) + (known ? "" : `: ${cell.words}`);
  $("state").replaceChildren(make("i", cell.kind), state);
  $("error").className = cell.kind;
  const words = [cell.error, cell.next].filter(Boolean);
  $("error").replaceChildren(...words.map((text) => make("p", "", text)));
  $("facts").replaceChildren(...facts(cell));
  $("address").hidden = !cell.url;
  $("address").querySelector("code").textContent = cell.url || "";
  $("copy").textContent = "Copy";
}

function onStage(cell) {
  if (!cell.file) return told(cell);
  const image = picture(cell.file, cell.name, () => told(cell));
  image.decoding = "sync";
  const link = make("a", "", image);
  link.href = cell.file;
  link.target = "_blank";
  link.rel = "noopener";
  link.title = "Open the picture";
  return link;
}

function seen(head) {
  return Boolean(head.picture || head.text || head.url);
}

function source(what, head, name) {
  if (!seen(head)) return [];
  const look = head.picture
    ? picture(head.picture, what, () => make("em", "", "not found"))
    : make(head.text ? "q" : "em", "", head.text || head.url);
  const figure = make("figure", "", look, make("figcaption", "", make("small", "", what), name));
  figure.classList.toggle("wide", Boolean(head.text));
  return [figure];
}

function facts(cell) {
  const said = {
    Model: seen(rows[cell.row]) ? "" : cell.model,
    Garment: seen(columns[cell.column]) ? "" : cell.garment,
    Money: capital(cell.money),
    Seed: cell.seed,
    Attempts: cell.attempts,
    File: cell.file && readable(cell.file),
  };
  return Object.entries(said)
    .filter(([, value]) => value !== undefined && value !== "")
    .flatMap(([name, value]) => [make("dt", "", name), make("dd", "", String(value))]);
}

function readable(address) {
  try {
    return decodeURIComponent(address);
  } catch {
    return address; // a name on disk that is no text
  }
}

function turn(key) {
  const found = next(asked.cell, key);
  if (found) openLarge(found);
  return Boolean(found);
}

large.addEventListener("keydown", (event) => {
  if (!event.key.startsWith("Arrow") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (turn(event.key)) event.preventDefault();
});
large.addEventListener("click", (event) => {
  if (event.target === large) large.close();
});
large.addEventListener("close", () => {
  asked.cell = null;
  writeAddress();
  grid.focus({ preventScroll: true });
});
$("before").addEventListener("click", () => turn("ArrowLeft"));
$("after").addEventListener("click", () => turn("ArrowRight"));
$("close").addEventListener("click", () => large.close());
$("copy").addEventListener("click", async () => {
  getSelection().selectAllChildren($("address").querySelector("code"));
  try {
    await navigator.clipboard.writeText(asked.cell.url);
    $("copy").textContent = "Copied";
  } catch {
    $("copy").textContent = "Press Ctrl+C";
  }
});

let touched = null;
$("stage").addEventListener("touchstart", (event) => {
  touched = event.touches.length === 1 ? event.touches[0] : null;
}, { passive: true });
$("stage").addEventListener("touchend", (event) => {
  const [from, to] = [touched, event.changedTouches[0]];
  if (!from || Math.abs(to.clientX - from.clientX) < 60) return;
  if (Math.abs(to.clientY - from.clientY) > 60) return;
  turn(to.clientX < from.clientX ? "ArrowRight" : "ArrowLeft");
}, { passive: true });

/* The beginning, and whenever the address changes */

function start() {
  readAddress();
  choose();
  if (asked.cell) openLarge(asked.cell);
  else if (large.open) large.close();
}

addEventListener("popstate", start);
start();
new ResizeObserver(() => (space() === room ? paint() : arrange())).observe(scroller);
