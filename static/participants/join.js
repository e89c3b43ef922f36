// The join page. <main data-screen> always names what is shown: a code of SCREENS, "list", "empty", "starting",
// or "ok" once the vendor's meeting screen is up.

import { offerAccess } from "./access.js";
import { openInvitation } from "./invitation.js";
import { isShown } from "./consent.js";
import { setBusy } from "./join-actions.js";
import { enterMeeting, readAddress, stepBackToList } from "./join-address.js";
import { readAdmission } from "./join-api.js";
import { hasSignInChanged, readOwner } from "./join-identity.js";
import { forgetInside, wasInside } from "./join-inside.js";
import { closeList, refreshList, sayLeft, tickList } from "./join-list.js";
import { watchNetwork } from "./join-network.js";
import { isCountingTo, showOutcome, stopWaiting } from "./join-outcome.js";
import { announce, keepFresh, main, watchSleep } from "./join-page.js";
import { fetchPass, renewPass } from "./join-pass.js";
import { RoomTrouble, closeRoom, openRoom } from "./join-room.js";
import { gettext } from "./join-words.js";

const EVERY = 30;
const WATCHED = ["loading", "ready", "come_back", "consent_required", "too_early", "closed", "meeting_inactive", "full"]; // doors that may open
const LISTS = ["loading", "list", "empty", "blocked"];
const ROOM = ["starting", "ok"];
const ENDINGS = ["kicked", "ended", "rejected"]; // by somebody else: our server knows best why

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

function showList({ left, attempt } = {}) {
  return refreshList({ onJoin: join, onProblem: (problem) => fail(problem, { attempt }), left });
}

/** Ask whether this meeting's door is open, and show what is new. `attempt` when somebody waits for just that. */
async function checkDoor(attempt) {
  const { id } = meeting;
  const { ok, body, problem } = await readAdmission(id);
  if (busy || meeting?.id !== id || main.dataset.screen === "ok") return; // joined or gone while we asked
  const watching = attempt === undefined && main.dataset.screen !== "loading";
  if (!ok && problem.code === "network" && watching) return;
  const verdict = ok ? body : problem;
  meeting = { ...meeting, ...verdict.meeting };
  const code = verdict.code === "ok" ? nameOpenDoor(id) : verdict.code;
  if (watching && code === main.dataset.screen && !isNews(verdict)) return;
  if (code === "ready") announce(gettext("The meeting is open. You can join now."));
  fail({ ...verdict, code }, { attempt });
}

/** What the same code may yet say that the screen does not: another opening, another text. */
const isNews = ({ code, opens_at: opens, consent }) =>
  (code === "too_early" && !isCountingTo(opens)) || (code === "consent_required" && !isShown(consent));

const nameOpenDoor = (id) => (wasInside(id) ? "come_back" : "ready");

/** Who only looked looks again: no token is asked for before somebody has pressed Join. */
const look = (attempt) => (meeting ? checkDoor(attempt) : showList({ attempt }));

function fail(problem, { attempt = 0, retry = look } = {}) {
  closeList();
  const enter = (wish) => join(meeting, null, 0, wish);
  showOutcome(problem, { meeting, attempt, join: enter, retry, check: () => checkDoor() });
  if (problem.code === "not_enrolled" && meeting) offerAccess(meeting.id, problem.access, () => checkDoor());
}

/** `wish` is what goes with the request, such as the text that is agreed to. */
async function join(wanted, button = null, attempt = 0, wish = {}) {
  if (busy) return;
  const mine = (busy = {});
  stopWaiting();
  meeting = { id: wanted.id, title: wanted.title };
  enterMeeting(meeting.id);
  setBusy(button ?? main.querySelector("[data-join], [data-retry]"), gettext("Joining…"));
  try {
    const problem = await tryToJoin(mine, () => fetchPass(meeting.id, wish));
    const again = (next) => join(meeting, null, next, wish);
    if (problem && busy === mine) fail(problem, { attempt, retry: again });
  } finally {
    if (busy === mine) busy = null;
  }
}

const joinAgain = (attempt) => join(meeting, null, attempt);

/** The problem that kept us out, or undefined once the room is open. A refused pass is renewed once. */
async function tryToJoin(mine, obtain, renewed = false) {
  const { id } = meeting;
  const pass = await obtain();
  if (busy !== mine) return undefined;
  if (pass.problem) return pass.problem;
  meeting.title = pass.body.meeting.title;
  closeList();
  const renew = () => renewPass(id, pass);
  const onRefused = () => (renewed ? refuse() : retakeRoom(renew));
  try {
    await openRoom(pass.body, { onLeft: leave, onRefused, isWanted: () => busy === mine });
    return undefined;
  } catch (error) {
    if (busy !== mine) return undefined;
    await closeRoom();
    const code = error instanceof RoomTrouble ? error.code : "unexpected";
    if (code === "pass_refused" && !renewed) return tryToJoin(mine, renew, true);
    return { code, expires_at: pass.body.expires_at };
  }
}

/** The SDK took the token at first and refused it at the door. */
async function retakeRoom(renew) {
  if (busy) return;
  const mine = (busy = {});
  main.dataset.screen = "leaving"; // what the room still says is not news
  await closeRoom();
  try {
    const problem = await tryToJoin(mine, renew, true);
    if (problem && busy === mine) fail(problem, { retry: joinAgain });
  } finally {
    if (busy === mine) busy = null;
  }
}

async function refuse() {
  main.dataset.screen = "leaving";
  await closeRoom();
  fail({ code: "pass_refused" }, { retry: joinAgain });
}

async function leave(state) {
  if (!ROOM.includes(main.dataset.screen)) return;
  main.dataset.screen = "leaving";
  busy = null;
  await closeRoom();
  if (state === "failed") return fail({ code: "connection_lost" }, { retry: joinAgain });
  if (ENDINGS.includes(state)) {
    const { id } = meeting;
    const problem = await explainLeaving(state);
    return meeting?.id === id ? fail(problem) : undefined;
  }
  if (!stepBackToList()) await returnToList(meeting);
}

async function returnToList(left) {
  meeting = null;
  forgetInside();
  closeList();
  await showList({ left });
  if (left) announce(sayLeft(left));
}

/** Back or Forward. A link within the page fires the same event and changes nothing. */
async function followAddress() {
  const id = readAddress();
  if (id === (meeting?.id ?? "")) return;
  const left = ["ok", "leaving"].includes(main.dataset.screen) ? meeting : null;
  busy = null;
  stopWaiting();
  closeList();
  meeting = id ? { id } : null;
  main.dataset.screen = id ? "loading" : "leaving";
  await closeRoom();
  if (id !== readAddress()) return; // the next step has been taken already
  await (id ? startOver() : returnToList(left));
}

/** Removed, closed, or still welcome. */
async function explainLeaving(code) {
  const { ok, body, problem } = await readAdmission(meeting.id);
  if (!ok) return problem.code === "network" ? { code } : problem;
  return ["ok", "consent_required"].includes(body.code) ? { code } : body;
}

function startOver() {
  main.dataset.screen = "loading";
  return refresh();
}

/** The page looks by itself, for ever. */
function begin() {
  window.addEventListener("popstate", followAddress);
  const freshen = keepFresh(refresh, EVERY);
  watchNetwork(freshen);
  watchSleep(freshen);
  setInterval(() => main.dataset.screen === "list" && tickList() && freshen(), 1000);
  freshen();
}

if (!openInvitation()) begin();
