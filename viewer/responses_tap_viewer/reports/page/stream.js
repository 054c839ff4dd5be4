"use strict";
// The page works without this: it only expands, filters, jumps and copies.
const tools = document.getElementById("tools");
const said = document.getElementById("said");
const only = document.getElementById("only");
const rows = [...document.querySelectorAll("ol.rows > li.found")];
let here = -1;

function say(text) {
  said.textContent = text;
}

function go(step) {
  if (!rows.length) {
    say("There are no findings.");
    return;
  }
  rows[here]?.classList.remove("here");
  here = here < 0 && step < 0 ? rows.length - 1 : (here + step + rows.length) % rows.length;
  const row = rows[here];
  row.classList.add("here");
  const target = row.querySelector("summary") ?? row;
  if (target === row) row.tabIndex = -1;
  target.focus({ preventScroll: true });
  row.scrollIntoView({ block: "center" });
  say(`${here + 1} of ${rows.length}: ${row.querySelector("ul.said")?.innerText ?? row.innerText}`);
}

function setAll(open) {
  for (const details of document.querySelectorAll("main details")) details.open = open;
  say(open ? "All rows expanded." : "All rows collapsed.");
}

async function copy(event) {
  const { copy: id } = event.currentTarget.dataset;
  try {
    await navigator.clipboard.writeText(document.getElementById(id).innerText);
    say("Copied.");
  } catch {
    getSelection().selectAllChildren(document.getElementById(id));
    say("Press Ctrl+C to copy the selected text.");
  }
}

function filter() {
  const on = only.getAttribute("aria-pressed") !== "true";
  only.setAttribute("aria-pressed", String(on));
  for (const list of document.querySelectorAll("ol.rows")) list.classList.toggle("only", on);
  say(on ? `Showing only the ${rows.length} rows with findings.` : "Showing all rows.");
}

const actions = {
  n: ["next", () => go(1)],
  N: ["previous", () => go(-1)],
  o: ["open", () => setAll(true)],
  c: ["close", () => setAll(false)],
  f: ["only", filter],
};

for (const [id, action] of Object.values(actions)) document.getElementById(id).addEventListener("click", action);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
  event.preventDefault();
  actions[event.key][1]();
});
for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", copy);
  button.hidden = false;
}
tools.hidden = false;
