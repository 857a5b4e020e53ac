/* On paper: what matches, since the page itself holds only what is in sight. */

const MOST_ON_PAPER = 1000;

function onPaper(cell) {
  const look = cell.file ? picture(cell.file, "", () => told(cell)) : told(cell);
  if (cell.file) look.decoding = "sync";
  return make("figure", "", look, make("figcaption", "", spoken(cell)));
}

addEventListener("beforeprint", () => {
  const paper = make("div", "", ...matches.slice(0, MOST_ON_PAPER).map(onPaper));
  paper.id = "paper";
  const more = matches.length - MOST_ON_PAPER;
  if (more > 0) paper.append(make("p", "", `… and ${more.toLocaleString("en")} more`));
  document.querySelector("main").append(paper);
});
addEventListener("afterprint", () => $("paper")?.remove());
