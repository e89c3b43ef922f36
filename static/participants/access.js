// Asking to be let in, below the screen that says "You are not on the list". Says what became of it, by itself.

import { isBusy, setBusy } from "./join-actions.js";
import { call, readAdmission } from "./join-api.js";
import { announce, fill, main, slot, stamp } from "./join-page.js";
import { gettext } from "./join-words.js";

const EVERY = 15_000;
const WORDS = {
  open: [gettext("You have asked to be let in"), gettext("The organiser decides. You can leave this page open: it notices when they have.")],
  denied: [gettext("Your request was not approved"), ""],
  approved: [gettext("Your request was approved"), ""],
};
const PROBLEMS = {
  requests_closed: gettext("This meeting takes no requests any more. Ask the organiser to enrol you."),
  asked_lately: gettext("Your last request was not approved. You can ask again a day later."),
  rate_limited: gettext("Too many attempts in a short time. Nothing is lost."),
  network: gettext("This server can't be reached from your browser."),
};
const ELSEWHERE = new Set(["already_enrolled", "removed", "blocked", "not_found", "not_authenticated"]); // screens of their own

/** `access` as the admission answers it, if it is known; `onChange` once the verdict is another. */
export async function offerAccess(meeting, access, onChange) {
  const screen = main.querySelector("[data-view]").firstElementChild;
  const standing = access ?? (await readAdmission(meeting)).body?.access;
  if (!standing || !screen.isConnected) return;
  const card = stamp("access");
  paint(card, standing);
  if (card.hidden) return;
  screen.append(card);
  card.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask(card, meeting, onChange);
  });
  if (standing.state === "open") watch(card, meeting, onChange);
}

function paint(card, { may_ask: mayAsk, state, answer }) {
  const [title, text] = WORDS[state] ?? ["", ""];
  fill(card, "title", title);
  fill(card, "text", answer || text);
  card.querySelector("form").hidden = !mayAsk;
  card.hidden = !mayAsk && !title;
}

async function ask(card, meeting, onChange) {
  const button = card.querySelector("button");
  if (isBusy(button)) return;
  setBusy(button, gettext("Sending your request…"));
  const message = card.querySelector("textarea").value;
  const { ok, body, problem } = await call("POST", `meetings/${meeting}/access-request/`, { message });
  setBusy(button);
  if (!card.isConnected) return;
  if (!ok && ELSEWHERE.has(problem.code)) {
    onChange();
  } else if (!ok) {
    fill(card, "problem", PROBLEMS[problem.code] ?? gettext("That did not work. Reload the page and try again."));
  } else {
    fill(card, "problem", "");
    paint(card, { may_ask: false, state: body.state, answer: body.answer });
    announce(WORDS[body.state]?.[0] ?? "");
    slot(card, "title").focus();
    watch(card, meeting, onChange);
  }
}

/** Until it is decided, or the screen is another. */
function watch(card, meeting, onChange) {
  const timer = setInterval(async () => {
    if (!card.isConnected) return clearInterval(timer);
    if (document.hidden) return;
    const { ok, body } = await readAdmission(meeting);
    if (!ok || !card.isConnected) return;
    if (body.code !== "not_enrolled") {
      clearInterval(timer);
      onChange();
    } else if (body.access && body.access.state !== "open") {
      clearInterval(timer);
      paint(card, body.access);
      announce(WORDS[body.access.state]?.[0] ?? "");
    }
  }, EVERY);
}
