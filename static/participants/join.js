// The join page. <main data-screen> always names what is shown: a code of SCREENS, "list", "empty", "starting",
// or "ok" once the vendor's meeting screen is up.

import { readAdmission, requestJoin } from "./join-api.js";
import { closeList, refreshList, tickList } from "./join-list.js";
import { showOutcome, stopWaiting } from "./join-outcome.js";
import { announce, keepFresh, main } from "./join-page.js";
import { RoomTrouble, closeRoom, openRoom } from "./join-room.js";

const EVERY = 30;
const WATCHED = ["loading", "ready", "too_early", "closed", "meeting_inactive", "full"]; // doors that may open
const LISTS = ["loading", "list", "empty"];

let meeting = main.dataset.meeting ? { id: main.dataset.meeting } : null; // the one in focus, if any
let busy = false;

async function refresh() {
  const { screen } = main.dataset;
  if (busy || !(meeting ? WATCHED : LISTS).includes(screen)) return;
  await (meeting ? checkDoor() : refreshList({ onJoin: join, onProblem: fail }));
}

/** Ask whether this meeting's door is open, and show what is new. */
async function checkDoor() {
  const { ok, body, problem } = await readAdmission(meeting.id);
  if (busy) return;
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
}

async function join(wanted, button = null, attempt = 0) {
  if (busy) return;
  busy = true;
  stopWaiting();
  meeting = { id: wanted.id, title: wanted.title };
  setBusy(button ?? main.querySelector("[data-join], [data-retry]"), true);
  try {
    const problem = await tryToJoin();
    if (problem) fail(problem, attempt);
  } finally {
    busy = false;
  }
}

/** The problem that kept us out, or undefined once the room is open. */
async function tryToJoin(renewed = false) {
  const { ok, body, problem } = await requestJoin(meeting.id, renewed);
  if (!ok) return problem;
  meeting.title = body.meeting.title;
  closeList();
  try {
    await openRoom(body, (state) => leave(state));
    return undefined;
  } catch (error) {
    await closeRoom();
    const code = error instanceof RoomTrouble ? error.code : "unexpected";
    if (code === "pass_refused") return judgeRefusedPass(renewed);
    return { code, expires_at: body.expires_at };
  }
}

/** The SDK can't tell expired from removed or closed: our server can. A new pass is tried once. */
async function judgeRefusedPass(renewed) {
  const { ok, body, problem } = await readAdmission(meeting.id);
  if (!ok || body.code !== "ok") return ok ? body : problem;
  return renewed ? { code: "pass_refused" } : tryToJoin(true);
}

async function leave(state) {
  if (main.dataset.screen !== "ok") return;
  main.dataset.screen = "leaving";
  await closeRoom();
  if (state === "kicked" || state === "ended") return fail(await explainLeaving(state));
  const notice = `You left ${meeting.title}.`;
  meeting = null;
  history.replaceState(null, "", main.dataset.home);
  closeList();
  await refreshList({ onJoin: join, onProblem: fail, notice });
  announce(notice);
}

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

const freshen = keepFresh(refresh, EVERY);
setInterval(() => main.dataset.screen === "list" && tickList() && freshen(), 1000);
freshen();
