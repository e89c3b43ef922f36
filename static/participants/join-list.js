// "My meetings": rows keyed by id and changed in place, so that a refresh neither flickers nor takes focus away.

import { readMeetings } from "./join-api.js";
import { sayMoment, saySpan, sayWindow, secondsUntil } from "./join-clock.js";
import { readOwner } from "./join-identity.js";
import { announce, fill, main, show, slot, stamp } from "./join-page.js";

const CLOSING_SOON = 3600;
const OTHER_BADGES = {
  closed: "Closed", meeting_inactive: "Closed for now", removed: "Removed", blocked: "Blocked", full: "Full",
  enrolment_failed: "Needs attention",
};

const FINAL = new Set(["not_authenticated", "stale_page"]);

let list = null;
let rows = new Map(); // id -> {element, meeting}
let pages = 1;
let screens = 0; // how many there have been: an answer asked for by an earlier one comes too late

/** Read the list and bring the screen up to date; `onProblem` gets what only another screen can tell. */
export async function refreshList({ onJoin, onProblem, notice = "" }) {
  const asked = screens;
  const answer = await readPages();
  if (asked !== screens) return;
  if (!answer.ok) return reportTrouble(answer.problem, onProblem);
  if (!answer.meetings.length) return showEmpty(onProblem, notice);
  if (!list) openList(onJoin, notice);
  else if (!notice) fill(list, "notice", "");
  answer.meetings.forEach(placeRow);
  const dropped = dropRows(new Set(answer.meetings.map((meeting) => meeting.id)));
  if (dropped.length) fill(list, "notice", `No longer on your list: ${dropped.join(", ")}.`);
  arrange(answer.meetings);
  slot(list, "more").hidden = !answer.more;
  tickList();
}

/** Forget the screen; another one takes its place. */
export function closeList() {
  list = null;
  rows = new Map();
  screens += 1;
}

/** Once a second: countdowns move on. True when a meeting has just come to its opening or closing time. */
export function tickList() {
  let due = false;
  for (const { element, meeting } of rows.values()) due = paintBadge(element, meeting) || due;
  return due;
}

async function readPages() {
  const meetings = [];
  let cursor = "";
  for (let page = 0; page < pages; page += 1) {
    const answer = await readMeetings(cursor);
    if (!answer.ok) return answer;
    meetings.push(...answer.body.results);
    cursor = answer.body.next ? new URL(answer.body.next, location.href).search : "";
    if (!cursor) break;
  }
  return { ok: true, meetings, more: Boolean(cursor) };
}

function reportTrouble(problem, onProblem) {
  if (!list || FINAL.has(problem.code)) return onProblem(problem);
  fill(list, "notice", "The list can't be brought up to date at the moment. We keep trying.");
}

/** Nobody is told that meetings will come who has been kept from them. */
async function showEmpty(onProblem, notice) {
  const asked = screens;
  const { ok, body, problem } = await readOwner();
  if (asked !== screens) return;
  if (!ok) return reportTrouble(problem, onProblem);
  const code = body.blocked ? "blocked" : "empty";
  if (main.dataset.screen === code) return;
  if (body.blocked) return onProblem({ code });
  closeList();
  const screen = stamp("empty");
  fill(screen, "notice", notice);
  show(screen, "empty", "My meetings");
}

function openList(onJoin, notice) {
  list = stamp("list");
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-join]");
    if (button && button.getAttribute("aria-disabled") !== "true") onJoin(rows.get(button.dataset.join).meeting, button);
    if (event.target.closest("[data-more]")) {
      pages += 1;
      refreshList({ onJoin, onProblem: () => {} });
    }
  });
  fill(list, "notice", notice);
  show(list, "list", "My meetings");
}

function placeRow(meeting) {
  const known = rows.get(meeting.id);
  const row = known ?? { element: stamp("meeting") };
  if (known && known.meeting.verdict.code !== "ok" && meeting.verdict.code === "ok") {
    announce(`${meeting.title} is open. You can join now.`);
  }
  row.meeting = meeting;
  rows.set(meeting.id, row);
  paintRow(row.element, meeting);
}

function paintRow(element, meeting) {
  const open = meeting.verdict.code === "ok";
  const button = element.querySelector("[data-join]");
  fill(element, "title", meeting.title);
  slot(element, "title").href = `${main.dataset.home}m/${meeting.id}/`;
  fill(element, "when", sayWindow(meeting));
  fill(element, "why", open || meeting.verdict.code === "too_early" ? "" : meeting.verdict.message);
  element.dataset.verdict = meeting.verdict.code;
  button.dataset.join = meeting.id;
  button.setAttribute("aria-label", `Join ${meeting.title}`);
  button.hidden = !open;
}

function paintBadge(element, { verdict, opens_at: opens, closes_at: closes }) {
  const badge = slot(element, "badge");
  const [tone, text, due] = describe(verdict, verdict.opens_at ?? opens, closes);
  badge.dataset.tone = tone;
  fill(element, "badge", text);
  return due;
}

function describe({ code }, opens, closes) {
  if (code === "too_early" && opens) {
    const left = secondsUntil(opens);
    return ["wait", left > 86_400 ? `Opens ${sayMoment(opens)}` : `Opens in ${saySpan(left)}`, left <= 0];
  }
  if (code !== "ok") return ["off", OTHER_BADGES[code] ?? "Not open", false];
  const left = closes ? secondsUntil(closes) : Infinity;
  return ["open", left < CLOSING_SOON ? `Open, closes in ${saySpan(left)}` : "Open", left <= 0];
}

function dropRows(present) {
  const dropped = [...rows].filter(([id]) => !present.has(id));
  for (const [id, { element }] of dropped) {
    element.remove();
    rows.delete(id);
  }
  return dropped.map(([, { meeting }]) => meeting.title);
}

function arrange(meetings) {
  const focused = document.activeElement;
  const group = ({ verdict: { code } }) => ({ ok: "open", too_early: "coming" })[code] ?? "other";
  const opening = (meeting) => meeting.verdict.opens_at ?? meeting.opens_at ?? "";
  for (const section of list.querySelectorAll("[data-group]")) {
    const wanted = meetings.filter((meeting) => group(meeting) === section.dataset.group);
    if (section.dataset.group === "coming") wanted.sort((a, b) => opening(a).localeCompare(opening(b)));
    const home = section.querySelector("ul");
    wanted.forEach(({ id }, index) => {
      const { element } = rows.get(id);
      if (home.children[index] !== element) home.insertBefore(element, home.children[index] ?? null);
    });
    section.hidden = !wanted.length;
  }
  if (focused !== document.activeElement && list.contains(focused)) focused.focus();
}
