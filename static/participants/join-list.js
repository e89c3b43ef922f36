// "My meetings": rows keyed by id and changed in place, so that a refresh neither flickers nor takes focus away.

import { isBusy, setBusy } from "./join-actions.js";
import { readMeetings } from "./join-api.js";
import { sayMoment, saySpan, sayWindow, secondsUntil } from "./join-clock.js";
import { readOwner } from "./join-identity.js";
import { announce, fill, main, show, slot, stamp } from "./join-page.js";
import { gettext } from "./join-words.js";

const CLOSING_SOON = 3600;
const OTHER_BADGES = {
  closed: gettext("Closed"), meeting_inactive: gettext("Closed for now"), removed: gettext("Removed"),
  blocked: gettext("Blocked"), full: gettext("Full"), enrolment_failed: gettext("Needs attention"),
};
const REASONS = {
  closed: gettext("The meeting is over."),
  meeting_inactive: gettext("The organiser has closed this meeting for now."),
  removed: gettext("You were removed from this meeting. Ask the organiser if that is a mistake."),
  blocked: gettext("You can't join meetings here at present. Ask the organiser."),
  full: gettext("The meeting is full."),
  enrolment_failed: gettext("The meeting service refused your enrolment. The organiser has to correct it."),
};

const FINAL = new Set(["not_authenticated", "stale_page", "invitation_revoked", "invitation_expired", "removed", "blocked"]);

/** Open to them; what is to be agreed to is asked once they press Join. */
const isOpen = ({ verdict: { code } }) => code === "ok" || code === "consent_required";

let list = null;
let rows = new Map(); // id -> {element, meeting}
let pages = 1;
let screens = 0; // how many there have been: an answer asked for by an earlier one comes too late

/**
 * Read the list and bring the screen up to date; `onProblem` gets what only another screen can tell.
 * `left` is the meeting just left, {id, title}: it is said until the screen changes, with the way back.
 */
export async function refreshList({ onJoin, onProblem, left = null }) {
  const asked = screens;
  const answer = await readPages();
  if (asked !== screens) return;
  if (!answer.ok) return reportTrouble(answer.problem, onProblem);
  if (!answer.meetings.length) return showEmpty(onProblem, left);
  if (!list) openList(onJoin, left);
  fill(list, "notice", "");
  answer.meetings.forEach(placeRow);
  const dropped = dropRows(new Set(answer.meetings.map((meeting) => meeting.id)));
  if (dropped.length) fill(list, "notice", gettext("No longer on your list: %(titles)s.", { titles: dropped.join(", ") }));
  arrange(answer.meetings);
  slot(list, "more").hidden = !answer.more;
  offerWayBack();
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
  if (problem.code === "network") return undefined; // said above every screen
  fill(list, "notice", gettext("The list can't be brought up to date at the moment. We keep trying."));
}

/** Nobody is told that meetings will come who has been kept from them. */
async function showEmpty(onProblem, left) {
  const asked = screens;
  const { ok, body, problem } = await readOwner();
  if (asked !== screens) return;
  if (!ok) return reportTrouble(problem, onProblem);
  const code = body.blocked ? "blocked" : "empty";
  if (main.dataset.screen === code) return;
  if (body.blocked) return onProblem({ code });
  closeList();
  const screen = stamp("empty");
  fill(screen, "left", sayLeft(left));
  show(screen, "empty", gettext("My meetings"));
}

function openList(onJoin, left) {
  list = stamp("list");
  const press = (button) => {
    if (isBusy(button)) return undefined;
    return "more" in button.dataset ? showMore(button, onJoin) : onJoin(rows.get(button.dataset.join).meeting, button);
  };
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-join], [data-more]");
    if (button) press(button);
  });
  fill(list, "left", sayLeft(left));
  if (left) list.querySelector("[data-again]").dataset.join = left.id;
  show(list, "list", gettext("My meetings"));
}

async function showMore(button, onJoin) {
  setBusy(button, gettext("Loading more meetings…"));
  pages += 1;
  await refreshList({ onJoin, onProblem: () => {} });
  setBusy(button);
}

/** Said where one arrives after leaving. */
export const sayLeft = (left) => (left ? gettext("You left %(title)s.", { title: left.title }) : "");

/** The button beside "You left …": as long as that meeting's door is open. */
function offerWayBack() {
  const button = list.querySelector("[data-again]");
  button.hidden = !rows.has(button.dataset.join) || !isOpen(rows.get(button.dataset.join).meeting);
  list.querySelector("[data-left]").hidden = slot(list, "left").hidden;
}

function placeRow(meeting) {
  const known = rows.get(meeting.id);
  const row = known ?? { element: stamp("meeting") };
  if (known && !isOpen(known.meeting) && isOpen(meeting)) {
    announce(gettext("%(title)s is open. You can join now.", { title: meeting.title }));
  }
  row.meeting = meeting;
  rows.set(meeting.id, row);
  paintRow(row.element, meeting);
}

function paintRow(element, meeting) {
  const open = isOpen(meeting);
  const button = element.querySelector("[data-join]");
  fill(element, "title", meeting.title);
  slot(element, "title").href = `${main.dataset.home}m/${meeting.id}/`;
  fill(element, "when", sayWindow(meeting));
  fill(element, "why", open || meeting.verdict.code === "too_early" ? "" : explain(meeting.verdict));
  element.dataset.verdict = meeting.verdict.code;
  button.dataset.join = meeting.id;
  button.setAttribute("aria-label", gettext("Join %(title)s", { title: meeting.title }));
  button.hidden = !open;
}

/** By the code, in the reader's language; the server's own English only for codes of a newer server. */
const explain = ({ code, message }) => REASONS[code] ?? message;

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
    return ["wait", sayOpening(opens, left), left <= 0];
  }
  if (!isOpen({ verdict: { code } })) return ["off", OTHER_BADGES[code] ?? gettext("Not open"), false];
  const left = closes ? secondsUntil(closes) : Infinity;
  return ["open", left < CLOSING_SOON ? gettext("Open, closes in %(span)s", { span: saySpan(left) }) : gettext("Open"), left <= 0];
}

function sayOpening(opens, left) {
  if (left <= 0) return gettext("Opening…");
  if (left > 86_400) return gettext("Opens %(moment)s", { moment: sayMoment(opens) });
  return gettext("Opens in %(span)s", { span: saySpan(left) });
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
  const group = ({ verdict: { code } }) => ({ ok: "open", consent_required: "open", too_early: "coming" })[code] ?? "other";
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
