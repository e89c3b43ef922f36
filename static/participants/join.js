// The join page. <main data-screen> always names what is shown: a code of SCREENS, "list", "empty", "starting",
// or "ok" once the vendor's meeting screen is up.

import { offerAccess } from "./access.js";
import { openInvitation } from "./invitation.js";
import { enterMeeting, readAddress, stepBackToList } from "./join-address.js";
import { readAdmission, requestJoin } from "./join-api.js";
import { hasSignInChanged, readOwner } from "./join-identity.js";
import { closeList, refreshList, tickList } from "./join-list.js";
import { showOutcome, stopWaiting } from "./join-outcome.js";
import { announce, keepFresh, main } from "./join-page.js";
import { RoomTrouble, closeRoom, openRoom } from "./join-room.js";

const EVERY = 30;
const WATCHED = ["loading", "ready", "too_early", "closed", "meeting_inactive", "full"]; // doors that may open
const LISTS = ["loading", "list", "empty", "blocked"];

let meeting = main.dataset.meeting ? { id: main.dataset.meeting } : null; // the one in focus, if any
let busy = null; // the join under way, as an object of its own: Back forgets it

async function refresh() {
  const { screen } = main.dataset;
  if (busy || !(meeting ? WATCHED : LISTS).includes(screen)) return;
  if (hasSignInChanged()) {
    const { ok, problem } = await readOwner();
    if (!ok && problem.code === "stale_page" && !busy) return fail(problem);
  }
  await (meeting ? checkDoor() : showList());
}

const showList = (notice) => refreshList({ onJoin: join, onProblem: fail, notice });

/** Ask whether this meeting's door is open, and show what is new. */
async function checkDoor() {
  const { id } = meeting;
  const { ok, body, problem } = await readAdmission(id);
  if (busy || meeting?.id !== id || main.dataset.screen === "ok") return; // joined or gone while we asked
  if (!ok && problem.code === "network" && main.dataset.screen !== "loading") return;
  const verdict = ok ? body : problem;
  meeting = { ...meeting, ...verdict.meeting };
  const code = verdict.code === "ok" ? "ready" : verdict.code;
  if (code === main.dataset.screen && code !== "too_early") return;
  if (code === "ready") announce("The meeting is open. You can join now.");
  fail({ ...verdict, code });
}

function fail(problem, attempt = 0) {
  closeList();
  const again = (count) => (meeting ? join(meeting, null, count) : startOver());
  showOutcome(problem, { meeting, attempt, join: again, check: checkDoor });
  if (problem.code === "not_enrolled" && meeting) offerAccess(meeting.id, problem.access, checkDoor);
}

async function join(wanted, button = null, attempt = 0) {
  if (busy) return;
  const mine = (busy = {});
  stopWaiting();
  meeting = { id: wanted.id, title: wanted.title };
  enterMeeting(meeting.id);
  setBusy(button ?? main.querySelector("[data-join], [data-retry]"), true);
  try {
    const problem = await tryToJoin(mine);
    if (problem && busy === mine) fail(problem, attempt);
  } finally {
    if (busy === mine) busy = null;
  }
}

/** The problem that kept us out, or undefined once the room is open. */
async function tryToJoin(mine, renewed = false) {
  const owner = await readOwner();
  if (!owner.ok || busy !== mine) return owner.problem;
  const { ok, body, problem } = await requestJoin(meeting.id, renewed);
  if (!ok || busy !== mine) return problem;
  if (isForSomebodyElse(body, owner.body)) return { code: "stale_page" };
  meeting.title = body.meeting.title;
  closeList();
  try {
    await openRoom(body, { onLeft: leave, isWanted: () => busy === mine });
    return undefined;
  } catch (error) {
    if (busy !== mine) return undefined;
    await closeRoom();
    const code = error instanceof RoomTrouble ? error.code : "unexpected";
    if (code === "pass_refused") return judgeRefusedPass(mine, renewed);
    return { code, expires_at: body.expires_at };
  }
}

/** The sign-in may have changed between two requests. Who never joined anything has no such id yet. */
function isForSomebodyElse({ participant }, { custom_participant_id: own }) {
  return Boolean(own) && participant.custom_participant_id !== own;
}

/** The SDK can't tell expired from removed or closed: our server can. A new pass is tried once. */
async function judgeRefusedPass(mine, renewed) {
  const { ok, body, problem } = await readAdmission(meeting.id);
  if (busy !== mine) return undefined;
  if (!ok || body.code !== "ok") return ok ? body : problem;
  return renewed ? { code: "pass_refused" } : tryToJoin(mine, true);
}

async function leave(state) {
  if (main.dataset.screen !== "ok") return;
  main.dataset.screen = "leaving";
  await closeRoom();
  if (state === "kicked" || state === "ended") {
    const { id } = meeting;
    const problem = await explainLeaving(state);
    return meeting?.id === id ? fail(problem) : undefined;
  }
  if (!stepBackToList()) await returnToList(sayLeft());
}

async function returnToList(notice) {
  meeting = null;
  closeList();
  await showList(notice);
  if (notice) announce(notice);
}

/** Back or Forward. A link within the page fires the same event and changes nothing. */
async function followAddress() {
  const id = readAddress();
  if (id === (meeting?.id ?? "")) return;
  const notice = ["ok", "leaving"].includes(main.dataset.screen) ? sayLeft() : "";
  busy = null;
  stopWaiting();
  closeList();
  meeting = id ? { id } : null;
  main.dataset.screen = id ? "loading" : "leaving";
  await closeRoom();
  if (id !== readAddress()) return; // the next step has been taken already
  await (id ? startOver() : returnToList(notice));
}

const sayLeft = () => `You left ${meeting.title}.`;

async function explainLeaving(state) {
  const { ok, body, problem } = await readAdmission(meeting.id);
  if (!ok) return problem.code === "network" ? { code: state } : problem;
  return body.code === "ok" ? { code: state } : body;
}

function setBusy(button, on) {
  if (!button) return;
  button.setAttribute("aria-disabled", String(on));
  button.classList.toggle("busy", on);
  if (on) announce("Joining…");
}

function startOver() {
  main.dataset.screen = "loading";
  return refresh();
}

function start() {
  window.addEventListener("popstate", followAddress);
  const freshen = keepFresh(refresh, EVERY);
  setInterval(() => main.dataset.screen === "list" && tickList() && freshen(), 1000);
  freshen();
}

if (!openInvitation()) start();
