// Shows one screen of SCREENS: fills it, runs its countdown, tries again by itself where waiting helps.

import { isBusy, makeAction, makeButton, sayReference, setBusy } from "./join-actions.js";
import { now, saySpan, secondsUntil } from "./join-clock.js";
import { announce, fill, main, show, slot, stamp } from "./join-page.js";
import { SCREENS, findScreen } from "./join-screens.js";
import { gettext } from "./join-words.js";

const ATTEMPTS = 10; // by itself; then only when asked
const SHORTEST_WAIT = 2;
const LONGEST_WAIT = 600;
const NETWORK = new Set(["network", "connection_lost"]); // tried for ever, and at once when the network is back
const ASK_AGAIN = 2; // seconds between two questions at a door that should be open by now

let timer = null;
let opening = ""; // what the countdown on show counts to

/**
 * `meeting` is {id, title?}; `attempt` counts tries in a row, and `retry` gets its number; `join` is what Join does;
 * `check` looks whether the door has opened.
 */
export function showOutcome(problem, { meeting, attempt = 0, join, retry, check }) {
  stopWaiting();
  const name = findScreen(problem.code);
  const screen = SCREENS[name];
  const card = stamp("outcome");
  const held = main.dataset.screen === name && ["cancel", "retry"].find((mark) => mark in document.activeElement.dataset);
  const say = (part) => (typeof part === "function" ? part(problem) : (part ?? ""));
  slot(card, "mark").classList.add(screen.tone);
  card.querySelector("use").setAttribute("href", `#icon-${screen.icon}`);
  fill(card, "name", meeting?.title ?? "");
  fill(card, "title", screen.title);
  fill(card, "text", say(screen.text));
  fill(card, "next", say(screen.next));
  fill(card, "reason", screen.reason ? (problem.reason ?? problem.detail ?? "") : "");
  fill(card, "reference", screen.reason && problem.requestId ? sayReference(problem) : "");
  if (screen.extra) slot(card, "next").after(screen.extra(problem, meeting));
  const facts = { screen, problem, meeting, join, retry: (button) => tryNow(button, () => retry(attempt)) };
  const actions = screen.actions.filter((action) => meeting || action !== "list"); // without one we are there
  actions.forEach((action) => slot(card, "actions").append(makeAction(action, facts), " "));
  show(card, name, meeting?.title ? `${screen.title}: ${meeting.title}` : screen.title);
  if (name === "too_early" && problem.opens_at) countDownToOpening(card, problem.opens_at, check);
  if (screen.waits) waitAndRetry(card, problem, attempt, retry);
  if (held) card.querySelector(`[data-${held}]`)?.focus(); // the same screen again must not take focus away
}

export function stopWaiting() {
  clearInterval(timer);
  timer = null;
  opening = "";
}

/** Whether the door that is counted down to is still the one: then the screen needs no change. */
export const isCountingTo = (opens) => Boolean(timer) && opening === opens;

/**
 * Counts on the server's clock, which each answer corrects, so that neither a wrong clock nor a closed lid matters.
 * At the end the door is asked until it has opened: the screen's successor stops the counting.
 */
function countDownToOpening(card, opens, check) {
  let asked = 0;
  const tick = () => {
    const left = secondsUntil(opens);
    fill(card, "countdown", left > 0 ? gettext("Opens in %(span)s", { span: sayCountdown(left) }) : gettext("Opening…"));
    if (left > 0 || now() - asked < ASK_AGAIN * 1000) return;
    asked = now();
    check();
  };
  opening = opens;
  timer = setInterval(tick, 1000);
  tick();
}

function waitAndRetry(card, problem, attempt, work) {
  const lost = NETWORK.has(problem.code);
  const wait = Math.max(problem.retryAfter ?? 5, SHORTEST_WAIT, Math.min(attempt * 2, 15));
  const give = wait > LONGEST_WAIT || (attempt + 1 >= ATTEMPTS && !lost);
  if (give) return fill(card, "next", gettext("We have stopped trying by ourselves. Try again when you like."));
  const retry = card.querySelector("[data-retry]");
  const again = () => card.isConnected && !isBusy(retry) && tryNow(retry, () => work(attempt + 1));
  const stop = () => {
    window.removeEventListener("online", again);
    stopWaiting();
    cancel.remove();
    fill(card, "countdown", "");
    fill(card, "next", gettext("Stopped. Try again when you like."));
    announce(gettext("Stopped trying."));
    retry.focus();
  };
  const cancel = makeButton(gettext("Stop trying"), stop, "", "cancel");
  retry.after(" ", cancel);
  announce(gettext("Trying again in %(span)s.", { span: sayCountdown(wait) }));
  countDown(card, wait, again);
  if (lost) window.addEventListener("online", again, { once: true });
}

function tryNow(button, work) {
  stopWaiting();
  setBusy(button, gettext("Trying again…"));
  work();
}

function countDown(card, seconds, done) {
  const end = Date.now() + seconds * 1000;
  const tick = () => {
    const left = Math.max(0, Math.min(seconds, Math.ceil((end - Date.now()) / 1000))); // whatever becomes of the clock
    fill(card, "countdown", gettext("Trying again in %(span)s", { span: sayCountdown(left) }));
    if (left > 0) return;
    stopWaiting();
    done();
  };
  timer = setInterval(tick, 1000);
  tick();
}

const sayCountdown = (seconds) => (seconds < 60 ? `${seconds} s` : saySpan(seconds));
