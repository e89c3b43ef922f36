// Keeps the progress of a bulk enrolment up to date. Without it the page shows the same after a reload.
const card = document.querySelector("#progress[data-moving]");
const PATIENCE = 2000;
const SLOWEST = 30000;

const write = (time) => `${new Date(time).toISOString().slice(11, 19)} UTC`;

function describePace(batch) {
  const parts = [];
  if (batch.rate_per_minute) parts.push(`${batch.rate_per_minute} a minute`);
  if (batch.expected_end) parts.push(`done about ${write(batch.expected_end)}`);
  if (batch.waiting_until) parts.push(`waiting until ${write(batch.waiting_until)}`);
  return parts.map((part) => `, ${part}`).join("");
}

function show(batch) {
  const settled = batch.total - batch.counts.pending;
  card.querySelector("progress").value = settled;
  card.querySelector("[data-settled]").textContent = settled;
  card.querySelector("[data-pace]").textContent = describePace(batch);
  for (const cell of card.querySelectorAll("[data-count]")) cell.textContent = batch.counts[cell.dataset.count];
}

async function follow(wait) {
  try {
    const answer = await fetch(card.dataset.api, { credentials: "same-origin", headers: { Accept: "application/json" } });
    if (answer.status === 401 || answer.status === 403 || answer.status === 404) return;
    if (!answer.ok) throw new Error(answer.status);
    const batch = await answer.json();
    show(batch);
    // The rows and the buttons below are those of the finished batch only after a reload.
    if (batch.counts.pending === 0) { location.reload(); return; }
    wait = PATIENCE;
  } catch {
    wait = Math.min(wait * 2, SLOWEST);
  }
  setTimeout(follow, wait, wait);
}

if (card) setTimeout(follow, PATIENCE, PATIENCE);
