// Asking to be let in, below the screen that says "You are not on the list". Says what became of it, by itself.

import { call } from "./join-api.js";
import { announce, main } from "./join-page.js";

const EVERY = 15_000;
const WORDS = {
  open: ["You have asked to be let in", "The organiser decides. You can leave this page open: it notices when they have."],
  denied: ["Your request was not approved", ""],
  approved: ["Your request was approved", ""],
};

/** `access` as the admission answers it, if it is known; `onChange` once the verdict is another. */
export async function offerAccess(meeting, access, onChange) {
  const view = main.querySelector("[data-view]");
  const screen = view.firstElementChild;
  const standing = access ?? (await call("GET", `meetings/${meeting}/admission/`)).body?.access;
  if (!standing || screen !== view.firstElementChild) return;
  const card = document.getElementById("access").content.firstElementChild.cloneNode(true);
  fill(card, standing);
  if (card.hidden) return;
  screen.append(card);
  card.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask(card, meeting, onChange);
  });
  if (standing.state === "open") watch(card, meeting, onChange);
}

function fill(card, { may_ask: mayAsk, state, answer }) {
  const [title, text] = WORDS[state] ?? ["", ""];
  say(card, "title", title);
  say(card, "text", answer || text);
  card.querySelector("form").hidden = !mayAsk;
  card.hidden = !mayAsk && !title;
}

async function ask(card, meeting, onChange) {
  const button = card.querySelector("button");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  button.classList.add("busy");
  const message = card.querySelector("textarea").value;
  const { ok, body, problem } = await call("POST", `meetings/${meeting}/access-request/`, { message });
  button.removeAttribute("aria-disabled");
  button.classList.remove("busy");
  if (!ok && problem.code === "already_enrolled") return onChange();
  if (!ok) {
    say(card, "problem", problem.detail ?? "That did not work. Try again.");
    return;
  }
  say(card, "problem", "");
  fill(card, { may_ask: false, state: body.state, answer: body.answer });
  announce(WORDS[body.state][0]);
  card.querySelector("[data-part=title]").focus();
  watch(card, meeting, onChange);
}

/** Until it is decided, or the screen is another. */
function watch(card, meeting, onChange) {
  const timer = setInterval(async () => {
    if (!card.isConnected) return clearInterval(timer);
    if (document.hidden) return;
    const { ok, body } = await call("GET", `meetings/${meeting}/admission/`);
    if (!ok || !card.isConnected) return;
    if (body.code !== "not_enrolled") {
      clearInterval(timer);
      onChange();
    } else if (body.access && body.access.state !== "open") {
      clearInterval(timer);
      fill(card, body.access);
      announce(WORDS[body.access.state]?.[0] ?? "");
    }
  }, EVERY);
}

function say(card, part, words) {
  const element = card.querySelector(`[data-part="${part}"]`);
  element.textContent = words;
  element.hidden = !words;
}
