// Keeps the live board up to date. Without it the page shows the same after a reload.
const board = document.querySelector("#board");
const PATIENCE = 4000;
const HIDDEN = 30000;
const SLOWEST = 60000;
let timer = 0;

function write(member) {
  const line = document.createElement("li");
  line.dataset.id = member.id;
  const name = document.createElement("span");
  const since = document.createElement("span");
  since.className = "rc-quiet";
  line.append(name, since);
  if (member.kick) {
    const kick = document.createElement("a");
    kick.className = "rc-kick";
    kick.href = member.kick;
    kick.textContent = "Put out";
    line.append(kick);
  }
  return fill(line, member);
}

function fill(line, member) {
  const [name, since, kick] = line.children;
  if (kick) kick.setAttribute("aria-label", `Put ${member.name} out`);
  if (name.textContent !== member.name) name.textContent = member.name;
  if (since.textContent !== member.since) since.textContent = member.since;
  return line;
}

function showColumn(column) {
  const box = board.querySelector(`[data-column="${column.name}"]`);
  const list = box.querySelector("[data-members]");
  const known = new Map([...list.children].map((line) => [line.dataset.id, line]));
  const arrived = [];
  list.replaceChildren(...column.members.map((member) => {
    const line = known.get(member.id);
    if (line) { line.classList.remove("rc-new"); return fill(line, member); }
    const made = write(member);
    made.classList.add("rc-new");
    arrived.push(member.name);
    return made;
  }));
  box.querySelector("[data-count]").textContent = column.count;
  box.querySelector("[data-nobody]").hidden = column.count > 0;
  box.querySelector("[data-more]").hidden = column.more === 0;
  box.querySelector("[data-more] span").textContent = column.more;
  return arrived.length ? `${column.label}: ${arrived.slice(0, 5).join(", ")}${arrived.length > 5 ? " and others" : ""}.` : "";
}

function show(answer) {
  const news = answer.columns.map(showColumn).filter(Boolean);
  const live = board.querySelector("[data-live]");
  live.textContent = answer.live ? "Live" : "Not in session";
  live.className = `rc-badge ${answer.live ? "rc-good" : "rc-quiet"}`;
  const end = board.querySelector("[data-end]");
  if (end) end.hidden = !answer.live;
  board.querySelector("[data-began]").textContent = answer.began ? `since ${answer.began}` : "";
  board.querySelector("[data-as-of]").textContent = answer.as_of;
  if (news.length) board.querySelector("[data-announcer]").textContent = news.join(" ");
}

async function follow(wait) {
  const trouble = board.querySelector("[data-trouble]");
  try {
    const answer = await fetch(board.dataset.source, { credentials: "same-origin", headers: { Accept: "application/json" }, redirect: "error" });
    // Signed out, or no longer one's own: the page itself says which.
    if (answer.status === 403 || answer.status === 404) { location.reload(); return; }
    if (!answer.ok) throw new Error(answer.status);
    show(await answer.json());
    trouble.hidden = true;
    wait = PATIENCE;
  } catch {
    trouble.hidden = false;
    wait = Math.min(wait * 2, SLOWEST);
  }
  plan(document.hidden ? Math.max(wait, HIDDEN) : wait, wait);
}

function plan(after, wait) {
  clearTimeout(timer);
  timer = setTimeout(follow, after, wait);
}

if (board) {
  plan(PATIENCE, PATIENCE);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) plan(0, PATIENCE); });
}
