"use strict";
// The page is whole without this: it only opens, filters and jumps.
const tools = document.getElementById("tools");
const said = document.getElementById("said");
const filters = [...document.querySelectorAll("button[data-outcome]")];
const cells = [...document.querySelectorAll("details.cell")];
const problems = cells.filter((cell) => "problem" in cell.dataset);
let here = -1;

function say(text) {
  said.textContent = text;
}

function openTarget() {
  const cell = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!cell?.matches("details.cell")) return;
  cell.open = true;
  cell.classList.remove("hidden");
  cell.querySelector("summary").focus({ preventScroll: true });
  cell.scrollIntoView({ block: "start" });
}

function go(step) {
  if (!problems.length) {
    say("There are no problems.");
    return;
  }
  here = here < 0 && step < 0 ? problems.length - 1 : (here + step + problems.length) % problems.length;
  const cell = problems[here];
  cell.open = true;
  cell.classList.remove("hidden");
  cell.querySelector("summary").focus({ preventScroll: true });
  cell.scrollIntoView({ block: "start" });
  say(`Problem ${here + 1} of ${problems.length}: ${cell.querySelector("summary").innerText}`);
}

function closeAll() {
  for (const cell of cells) cell.open = false;
  say("Everything is closed.");
}

function filter(button) {
  const on = button.getAttribute("aria-pressed") !== "true";
  for (const other of filters) other.setAttribute("aria-pressed", String(on && other === button));
  const outcome = on ? button.dataset.outcome : "";
  for (const row of document.querySelectorAll("[data-outcomes]")) {
    row.classList.toggle("hidden", Boolean(outcome) && !row.dataset.outcomes.split(" ").includes(outcome));
  }
  const shown = document.querySelectorAll("tr[data-outcomes]:not(.hidden)").length;
  say(on ? `${shown} scenarios are shown: ${outcome}.` : "All scenarios are shown.");
}

const actions = { n: () => go(1), N: () => go(-1), c: closeAll };
document.getElementById("next").addEventListener("click", actions.n);
document.getElementById("previous").addEventListener("click", actions.N);
document.getElementById("close").addEventListener("click", actions.c);
for (const button of filters) button.addEventListener("click", () => filter(button));
for (const link of document.querySelectorAll(".matrix a")) {
  // A link to where the page is already changes no hash.
  link.addEventListener("click", () => setTimeout(openTarget));
}
addEventListener("hashchange", openTarget);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
  event.preventDefault();
  actions[event.key]();
});
tools.hidden = false;
openTarget();
