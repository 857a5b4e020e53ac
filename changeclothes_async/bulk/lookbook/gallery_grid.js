/* The grid, or the wall: places are reckoned, and only what is in sight is in the page.
   So pictures are lazy by themselves; loading="lazy" would only show them later. */

const grid = $("grid");
const scroller = $("scroller");
const shown = new Map();
const shape = { rows: [], columns: [], across: 0, down: 0, width: 0, height: 0, left: 0, top: 0 };
let headLine = null;
let queued = 0;

const low = matchMedia("(max-height: 500px)"); // a phone on its side: the page's head scrolls away
let room = "";
let above = 0;

function space() {
  return `${scroller.clientWidth} ${low.matches}`;
}

function arrange() {
  const narrow = innerWidth <= 700;
  const width = scroller.clientWidth;
  room = space();
  above = low.matches ? 0 : document.querySelector("header").getBoundingClientRect().height;
  grid.style.setProperty("--above", `${above}px`);
  if (asked.wall) arrangeWall(width, narrow);
  else arrangeGrid(width, narrow);
  grid.classList.toggle("wall", asked.wall);
  grid.style.width = `${shape.left + shape.across * shape.width}px`;
  grid.style.height = `${shape.top + shape.down * shape.height}px`;
  grid.setAttribute("aria-rowcount", shape.down + (asked.wall ? 0 : 1));
  grid.setAttribute("aria-colcount", shape.across + (asked.wall ? 0 : 1));
  grid.replaceChildren();
  shown.clear();
  headLine = asked.wall ? null : newLine("heads", 0);
  if (headLine) headLine.element.append(corner());
  paint();
}

function arrangeWall(width, narrow) {
  const across = Math.max(2, Math.floor((width - 16) / (narrow ? 170 : 220)));
  const each = Math.floor((width - (narrow ? 12 : 32)) / across);
  const down = Math.ceil(matches.length / across);
  Object.assign(shape, { across, down, width: each, left: 0, top: 0 });
  shape.height = Math.round(((each - 8) * 4) / 3) + 8 + 28;
}

function arrangeGrid(width, narrow) {
  shape.rows = [...new Set(matches.map((cell) => cell.row))];
  shape.columns = [...new Set(matches.map((cell) => cell.column))].sort((a, b) => a - b);
  shape.across = shape.columns.length;
  shape.down = shape.rows.length;
  shape.left = narrow ? 72 : low.matches ? 88 : 124;
  shape.top = low.matches ? 76 : narrow ? 92 : 128;
  // All columns count, so that cells keep their size under every filter.
  const fitting = Math.floor((width - shape.left - (narrow ? 4 : 16)) / Object.keys(columns).length);
  const least = narrow ? 104 : 128;
  shape.width = fitting < least ? peeking(width - shape.left, least) : Math.min(fitting, 230);
  shape.height = Math.round(((shape.width - 8) * 4) / 3) + 8;
}

/* Where columns are beyond the edge, one that is cut in two says so. */
function peeking(width, least) {
  const whole = Math.max(1, Math.floor(width / least - 0.45));
  return Math.floor(width / (whole + 0.45));
}

function at(i, j) {
  if (asked.wall) return matches[i * shape.across + j];
  return places.get(`${shape.rows[i]} ${shape.columns[j]}`);
}

function where(cell) {
  if (!asked.wall) return [shape.rows.indexOf(cell.row), shape.columns.indexOf(cell.column)];
  const number = matches.indexOf(cell);
  return [Math.floor(number / shape.across), number % shape.across];
}

function paint() {
  queued = 0;
  const { scrollLeft, clientHeight, clientWidth } = scroller;
  const scrollTop = scroller.scrollTop - grid.offsetTop;
  const top = Math.max(0, Math.floor(scrollTop / shape.height) - 1);
  const bottom = Math.min(
    shape.down,
    Math.ceil((scrollTop + clientHeight - shape.top) / shape.height) + 1,
  );
  const left = Math.max(0, Math.floor(scrollLeft / shape.width) - 1);
  const right = Math.min(
    shape.across,
    Math.ceil((scrollLeft + clientWidth - shape.left) / shape.width) + 1,
  );
  for (const [i, line] of shown) {
    if (i < top || i >= bottom) {
      line.element.remove();
      shown.delete(i);
    }
  }
  for (let i = top; i < bottom; i++) {
    if (!shown.has(i)) shown.set(i, newLine("row", i));
    fill(shown.get(i), left, right, (j) => tile(i, j));
  }
  if (headLine) fill(headLine, left, right, (j) => columnHead(shape.columns[j], j));
  mark();
}

function newLine(name, i) {
  const element = make("div", name);
  element.setAttribute("role", "row");
  element.setAttribute("aria-rowindex", name === "heads" ? 1 : i + (asked.wall ? 1 : 2));
  if (name === "row") {
    element.style.top = `${shape.top + i * shape.height}px`;
    element.style.height = `${shape.height}px`;
    if (!asked.wall) element.append(rowHead(shape.rows[i]));
  } else {
    element.style.height = `${shape.top}px`;
  }
  grid.append(element);
  return { element, parts: new Map() };
}

function fill(line, left, right, build) {
  for (const [j, part] of line.parts) {
    if (j < left || j >= right) {
      part.remove();
      line.parts.delete(j);
    }
  }
  for (let j = left; j < right; j++) {
    if (line.parts.has(j)) continue;
    const part = build(j);
    part.style.left = `${shape.left + j * shape.width}px`;
    part.style.width = `${shape.width}px`;
    line.parts.set(j, part);
    line.element.append(part);
  }
}

function tile(i, j) {
  const cell = at(i, j);
  const part = make("div", "cell");
  part.style.height = `${shape.height}px`;
  part.setAttribute("role", "gridcell");
  part.setAttribute("aria-colindex", j + (asked.wall ? 1 : 2));
  if (!cell) return part;
  const states = { saved: "saved", open: cell.words };
  const state = states[cell.kind] || `${cell.kind}, ${cell.words}`;
  part.id = `cell-${cell.row}-${cell.column}`;
  part.title = cell.name;
  part.setAttribute("aria-label", `${spoken(cell)}: ${state}`);
  part.classList.toggle("faint", !matching.has(cell));
  const look = cell.file ? picture(cell.file, "", () => told(cell)) : told(cell);
  part.append(make("div", "frame", look));
  if (asked.wall) part.append(caption(spoken(cell)));
  part.addEventListener("click", () => openLarge(cell));
  return part;
}

/* The end of a name often tells it from others: long ones are cut before it. */
function caption(words) {
  const letters = [...words];
  const start = make("span", "", letters.slice(0, -12).join(""));
  return make("div", "caption", start, make("span", "", letters.slice(-12).join("")));
}

function short(name) {
  const letters = [...name];
  if (letters.length <= 28) return name;
  return `${letters.slice(0, 17).join("")}…${letters.slice(-10).join("")}`;
}

function columnHead(number, j) {
  const part = headOf(columns[number], "columnheader", shape.top - (low.matches ? 26 : 46));
  part.setAttribute("aria-colindex", j + 2);
  part.style.height = `${shape.top}px`;
  return part;
}

function rowHead(number) {
  const height = Math.min(shape.height - 50, ((shape.left - 22) * 4) / 3);
  const part = headOf(rows[number], "rowheader", height);
  part.setAttribute("aria-colindex", 1);
  part.style.width = `${shape.left}px`;
  part.style.height = `${shape.height}px`;
  return part;
}

function headOf(head, role, height) {
  const part = make("div", "head");
  part.setAttribute("role", role);
  part.title = head.text || head.name;
  if (head.picture) {
    const image = picture(head.picture, "", () => "");
    image.height = height;
    image.width = height * 0.75;
    part.append(image);
  } else if (head.text) {
    part.append(make("q", "", head.text));
  } else if (head.url) {
    part.append(make("em", "", head.url));
  }
  part.append(make("span", "", short(head.name)));
  return part;
}

function corner() {
  const part = make("div", "head corner");
  part.setAttribute("role", "columnheader");
  part.setAttribute("aria-label", "Model");
  part.style.width = `${shape.left}px`;
  part.style.height = `${shape.top - 1}px`;
  return part;
}

/* One cell is active; the keys move it, and the page follows. */

function mark() {
  for (const part of grid.querySelectorAll(".active")) part.classList.remove("active");
  const part = active && $(`cell-${active.row}-${active.column}`);
  if (part) {
    part.classList.add("active");
    grid.setAttribute("aria-activedescendant", part.id);
  } else {
    grid.removeAttribute("aria-activedescendant");
  }
}

function reveal(cell) {
  active = cell;
  const [i, j] = where(cell);
  const [top, left] = [grid.offsetTop + i * shape.height, j * shape.width];
  const high = top + shape.height + shape.top - scroller.clientHeight;
  const wide = left + shape.width + shape.left - scroller.clientWidth;
  scroller.scrollTop = Math.min(top - above, Math.max(high, scroller.scrollTop));
  scroller.scrollLeft = Math.min(left, Math.max(wide, scroller.scrollLeft));
  paint();
}

function next(cell, key) {
  const number = matches.indexOf(cell);
  if (number < 0) return matches[0];
  const page = Math.max(1, Math.floor((scroller.clientHeight - above - shape.top) / shape.height));
  switch (key) {
    case "ArrowRight": return matches[number + 1];
    case "ArrowLeft": return matches[number - 1];
    case "ArrowDown": return below(cell, 1);
    case "ArrowUp": return below(cell, -1);
    case "PageDown": return below(cell, page) || matches.at(-1);
    case "PageUp": return below(cell, -page) || matches[0];
    case "Home": return matches[0];
    case "End": return matches.at(-1);
  }
}

function below(cell, by) {
  const [i, j] = where(cell);
  for (let k = i + by; k >= 0 && k < shape.down; k += Math.sign(by)) {
    const found = at(k, j);
    if (found && matching.has(found)) return found;
  }
}

grid.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !active) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    openLarge(active);
    return;
  }
  const found = next(active, event.key);
  if (!found) return;
  event.preventDefault();
  reveal(found);
});
scroller.addEventListener("scroll", () => {
  queued ||= requestAnimationFrame(paint);
}, { passive: true });
