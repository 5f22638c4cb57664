// The draft board: two live collections, and a form that has the demo insert a
// row by SQL. The board shows the pick when the binlog says so, not before.
import { collection } from "../rowcast.js";

const $ = (id) => document.getElementById(id);
const teams = collection("teams");
const picks = collection("picks", {
  onState(state, detail) {
    $("state").textContent = detail ? `${state}: ${detail}` : state;
    $("state").dataset.state = state;
  },
});
const positions = new Map(); // by player

/** Draws all of it: a board is small. */
let frame = 0;
function draw() {
  frame = 0;
  const order = [...teams.values()].sort((a, b) => a.seat - b.seat);
  const byCell = new Map([...picks.values()].map((pick) => [`${pick.team}/${pick.round}`, pick]));
  const rounds = Math.max(7, ...[...picks.values()].map((pick) => pick.round));
  const next = nextPick(order, byCell, rounds);

  fit($("rounds"), rounds + 1, "th");
  [...$("rounds").children].forEach((th, i) => {
    th.scope = "col";
    put(th, i ? `Round ${i}` : "Team");
  });
  fit($("teams"), order.length, "tr");
  order.forEach((team, i) => {
    const line = $("teams").children[i];
    if (!line.firstElementChild) line.append(document.createElement("th"));
    line.firstElementChild.scope = "row";
    put(line.firstElementChild, team.name);
    fit(line, rounds + 1, "td");
    for (let round = 1; round <= rounds; round++) cell(line.children[round], byCell.get(`${team.name}/${round}`), next?.team === team.name && next.round === round);
  });
  fill(order, next);
}

function fit(parent, n, name) {
  while (parent.children.length < n) parent.append(document.createElement(name));
  while (parent.children.length > n) parent.lastElementChild.remove();
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function cell(td, pick, onTheClock) {
  const shows = pick ? `${pick.id} ${pick.player} ${positions.get(pick.player) ?? ""}` : String(onTheClock);
  if (td.shows === shows) return;
  td.shows = shows;
  td.className = onTheClock ? "clock" : pick?.id === fresh ? "fresh" : "";
  td.replaceChildren(pick ? pick.player : onTheClock ? "on the clock" : "");
  if (pick && positions.has(pick.player)) {
    const position = document.createElement("span");
    position.textContent = positions.get(pick.player);
    td.append(position);
  }
}

function nextPick(order, byCell, rounds) {
  for (let round = 1; round <= rounds + 1; round++) {
    for (const { name } of order) if (!byCell.has(`${name}/${round}`)) return { team: name, round };
  }
}

/** Proposes the next pick, unless somebody is at the form. */
function fill(order, next) {
  if ($("team").options.length !== order.length) $("team").replaceChildren(...order.map(({ name }) => new Option(name)));
  if (next && !$("form").contains(document.activeElement)) {
    $("team").value = next.team;
    $("round").value = next.round;
  }
  const taken = new Set([...picks.values()].map((pick) => pick.player));
  const left = [...positions].filter(([player]) => !taken.has(player));
  fit($("players"), left.length, "option");
  left.forEach(([player, position], i) => {
    const option = $("players").children[i];
    if (option.value !== player) [option.value, option.label] = [player, position];
  });
}

let fresh;
for (const rowsOf of [teams, picks]) rowsOf.addEventListener("change", () => (frame ||= requestAnimationFrame(draw)));
picks.addEventListener("change", ({ detail: { op, row } }) => {
  if (op !== "insert") return;
  fresh = row.id;
  $("last").textContent = `Round ${row.round}: ${row.team} pick ${row.player}.`;
});

$("form").onsubmit = async (event) => {
  event.preventDefault();
  const pick = { round: Number($("round").value), team: $("team").value, player: $("player").value.trim() };
  try {
    const answer = await fetch("picks", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(pick) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    say(JSON.parse(text).sql + ";");
    $("player").value = "";
    document.activeElement?.blur(); // the next team is on the clock
    frame ||= requestAnimationFrame(draw);
  } catch (error) {
    say(error.message, "wrong");
  }
};

function say(text, how = "") {
  $("said").className = how;
  $("said").textContent = text;
}

const players = await (await fetch("../rows/players")).json(); // once: nobody joins in a draft
for (const { row } of players.rows) positions.set(row.name, row.position);
frame ||= requestAnimationFrame(draw);
