// Keeps the progress of a batch up to date, and copies its rows. Without it the page shows the same after a reload.
const card = document.querySelector("#progress[data-moving]");
const FIRST = 2000;
const SLOWEST = 30000;
const STEADY = 10000;

const write = (time) => `${new Date(time).toISOString().slice(11, 19)} UTC`;

function describePace(batch) {
  const parts = [];
  if (batch.rate_per_minute) parts.push(`${batch.rate_per_minute} a minute`);
  if (batch.expected_end) parts.push(`done about ${write(batch.expected_end).slice(0, 5)} UTC`);
  return parts.map((part) => `, ${part}`).join("");
}

function describeHold(batch) {
  if (!batch.waiting_until) return "";
  const hint = card.getAttribute(`data-hint-${batch.waiting_for}`);
  return `${card.getAttribute(`data-hold-${batch.waiting_for}`)} ${write(batch.waiting_until)}${hint ? ` (${hint})` : ""}`;
}

// Only what has changed is written: a live region reads out whatever is.
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function show(batch) {
  const settled = batch.total - batch.counts.pending;
  card.querySelector("progress").value = settled;
  put(card.querySelector("[data-settled]"), String(settled));
  put(card.querySelector("[data-pace]"), describePace(batch));
  const hold = card.querySelector("[data-hold]");
  put(hold, describeHold(batch));
  hold.hidden = !hold.textContent;
  for (const cell of document.querySelectorAll("[data-count]")) put(cell, String(batch.counts[cell.dataset.count]));
}

// Half a minute of looking every two seconds, then more and more rarely; while everything waits, not before it ends.
function choosePause(batch, looks) {
  const steady = Math.min(STEADY, FIRST * Math.max(1, looks / 15));
  const left = batch.waiting_until ? new Date(batch.waiting_until) - Date.now() : 0;
  return Math.min(SLOWEST, Math.max(steady, left));
}

async function follow(wait, looks) {
  if (document.hidden) {
    document.addEventListener("visibilitychange", () => follow(FIRST, 0), { once: true });
    return;
  }
  try {
    const answer = await fetch(card.dataset.api, { credentials: "same-origin", headers: { Accept: "application/json" } });
    if (answer.status === 401 || answer.status === 403 || answer.status === 404) return;
    if (!answer.ok) throw new Error(answer.status);
    const batch = await answer.json();
    show(batch);
    // The rows and the buttons below are those of the finished batch only after a reload.
    if (batch.counts.pending === 0 && !batch.working) { location.reload(); return; }
    wait = choosePause(batch, looks);
  } catch {
    wait = Math.min(wait * 2, SLOWEST);
  }
  setTimeout(follow, wait, wait, looks + 1);
}

if (card) setTimeout(follow, FIRST, FIRST, 0);

for (const button of document.querySelectorAll("[data-copies]")) {
  if (!navigator.clipboard) continue;
  const box = document.getElementById(button.dataset.copies);
  const told = button.parentElement.querySelector("[role=status]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(box.value);
      told.textContent = "Copied.";
    } catch {
      box.select();
      told.textContent = "Press Ctrl+C.";
    }
  });
}
