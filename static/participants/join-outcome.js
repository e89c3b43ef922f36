// Shows one screen of SCREENS: fills it, runs its countdown, tries again by itself where waiting helps.

import { saySpan, secondsUntil } from "./join-clock.js";
import { announce, fill, main, show, slot, stamp } from "./join-page.js";
import { SCREENS, findScreen } from "./join-screens.js";

const ATTEMPTS = 10; // by itself; then only when asked
const SHORTEST_WAIT = 2;
const LONGEST_WAIT = 600;

let timer = null;

/** `meeting` is {id, title?}; `attempt` counts tries in a row; `join` and `check` are what buttons lead to. */
export function showOutcome(problem, { meeting, attempt = 0, join, check }) {
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
  const reason = screen.reason ? (problem.reason ?? problem.detail ?? "") : "";
  fill(card, "hint", [reason, problem.requestId && screen.reason ? `Reference ${problem.requestId}` : ""].filter(Boolean).join(" · "));
  const moves = { join, retry: () => join(attempt), copy: (button) => copyDetails(button, screen, problem, meeting) };
  const actions = screen.actions.filter((action) => meeting || action !== "list"); // without one we are there
  actions.forEach((action) => slot(card, "actions").append(makeAction(action, moves), " "));
  show(card, name, meeting?.title ? `${screen.title}: ${meeting.title}` : screen.title);
  if (name === "too_early" && problem.opens_at) countDown(card, Math.max(1, secondsUntil(problem.opens_at)), "Opens in", check);
  if (screen.waits) waitAndRetry(card, problem, attempt, join);
  if (held) card.querySelector(`[data-${held}]`)?.focus(); // the same screen again must not take focus away
}

export function stopWaiting() {
  clearInterval(timer);
  timer = null;
}

function waitAndRetry(card, problem, attempt, join) {
  const wait = Math.max(problem.retryAfter ?? 5, SHORTEST_WAIT, Math.min(attempt * 2, 15));
  const give = attempt + 1 >= ATTEMPTS || wait > LONGEST_WAIT;
  if (give) return fill(card, "next", "We have stopped trying by ourselves. Try again when you like.");
  const stop = () => {
    stopWaiting();
    cancel.remove();
    fill(card, "countdown", "");
    fill(card, "next", "Stopped. Try again when you like.");
    announce("Stopped trying.");
    card.querySelector("[data-retry]").focus();
  };
  const cancel = makeButton("Stop trying", stop, "", "cancel");
  slot(card, "actions").querySelector("[data-retry]").after(" ", cancel);
  announce(`Trying again in ${wait} seconds.`);
  countDown(card, wait, "Trying again in", () => join(attempt + 1));
  if (problem.code === "network") {
    window.addEventListener("online", () => timer && card.isConnected && join(attempt + 1), { once: true });
  }
}

function countDown(card, seconds, words, done) {
  const end = Date.now() + seconds * 1000;
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    const span = left < 60 ? `${Math.max(0, left)} s` : saySpan(left);
    fill(card, "countdown", `${words} ${span}`);
    if (left > 0) return;
    stopWaiting();
    done();
  };
  timer = setInterval(tick, 1000);
  tick();
}

function makeAction(action, moves) {
  const back = encodeURIComponent(location.pathname);
  switch (action) {
    case "list":
      return makeLink("My meetings", main.dataset.home);
    case "sign-in":
      return makeLink("Sign in", `${main.dataset.signIn}?next=${back}`, "primary");
    case "reload":
      return makeButton("Reload the page", () => location.reload(), "primary");
    case "copy":
      return makeButton("Copy details", moves.copy);
    case "retry":
      return makeButton("Try again", moves.retry, "primary", "retry");
    default:
      return makeButton("Join", () => moves.join(0), "primary large", "join");
  }
}

function makeButton(text, action, looks = "", mark = "") {
  const button = document.createElement("button");
  button.type = "button";
  button.className = `button ${looks}`.trim();
  button.textContent = text;
  if (mark) button.dataset[mark] = "";
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") action(button);
  });
  return button;
}

function makeLink(text, address, looks = "") {
  const link = document.createElement("a");
  link.className = `button ${looks}`.trim();
  link.href = address;
  link.textContent = text;
  return link;
}

/** Something to send to the organiser: which meeting, what was seen, when. */
async function copyDetails(button, screen, problem, meeting) {
  const address = meeting ? new URL(`${main.dataset.home}m/${meeting.id}/`, location.href).href : location.href;
  const facts = [meeting?.title, address, `${screen.title} (${problem.code})`, problem.reason, new Date().toISOString(),
    problem.requestId && `Reference ${problem.requestId}`];
  try {
    await navigator.clipboard.writeText(facts.filter(Boolean).join("\n"));
    button.textContent = "Copied";
    announce("Details copied.");
  } catch {
    button.textContent = "Copying is not allowed here";
  }
}
