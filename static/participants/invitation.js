// A personal link: the secret stands behind the # of the address, which no browser sends anywhere. It is handed to the
// server once, taken out of the address, and what came of it is said. Runs where nobody is signed in, too.

import { makeButton } from "./join-actions.js";
import { call } from "./join-api.js";
import { showOutcome, stopWaiting } from "./join-outcome.js";
import { announce, fill, main, show, slot, stamp } from "./join-page.js";
import { gettext } from "./join-words.js";

const SECRET = /^#(rci_[A-Za-z0-9_-]{20,200})$/;
// Answers for good: nobody needs the secret any more.
const FINAL = new Set(["invitation_unknown", "invitation_revoked", "invitation_expired", "invitation_used", "removed", "blocked"]);

/** Whether the address holds an invitation, which is then seen to: the page has nothing else to do. */
export function openInvitation() {
  const secret = SECRET.exec(location.hash)?.[1];
  if (!secret) return false;
  if ("bindsDevice" in main.dataset) askForDevice(secret);
  else redeem(secret);
  return true;
}

function askForDevice(secret) {
  ask("invitation", {
    icon: "lock", tone: "calm", title: gettext("Open your invitation on this device?"),
    text: gettext("It works on the first device that opens it, and on no other."),
    actions: [makeButton(gettext("Open it here"), () => redeem(secret), "primary large")],
  });
}

async function redeem(secret, { replace = false, attempt = 0 } = {}) {
  if (!attempt) wait(gettext("Opening your invitation…"));
  const { ok, body, problem } = await call("POST", "invitations/redeem/", { secret, replace });
  stopWaiting();
  if (ok) return goOn(body.meeting);
  if (problem.code === "signed_in_as_other") return letThemChoose(secret, problem);
  if (FINAL.has(problem.code)) forget();
  const meeting = main.dataset.meeting ? { id: main.dataset.meeting } : null;
  return showOutcome(problem, { meeting, attempt, retry: (next) => redeem(secret, { replace, attempt: next }) });
}

function letThemChoose(secret, { name, meeting_title: meeting, signed_in: user }) {
  ask("signed_in_as_other", {
    icon: "people", tone: "wait", meeting, title: gettext("This invitation is for %(name)s", { name }),
    text: gettext("You are signed in as %(user)s. Whom do you want to join as?", { user }),
    next: gettext("Joining as %(name)s signs %(user)s out in this browser.", { name, user }),
    actions: [
      makeButton(gettext("Join as %(name)s", { name }), () => redeem(secret, { replace: true }), "primary"),
      makeButton(gettext("Stay signed in as %(user)s", { user }), () => goOn("")),
    ],
  });
}

/** On to the meeting's own page, whose address has no secret. */
function goOn(meeting) {
  forget();
  const address = meeting ? `${main.dataset.home}m/${meeting}/` : location.pathname;
  wait(gettext("Opening the meeting…"));
  if (address === location.pathname) location.reload();
  else location.replace(address);
}

function forget() {
  history.replaceState(history.state, "", location.pathname + location.search);
}

function wait(title) {
  ask("opening", { icon: "door", tone: "calm", title }).setAttribute("aria-busy", "true");
  announce(title);
}

function ask(screen, { icon, tone, title, meeting = "", text = "", next = "", actions = [] }) {
  const card = stamp("outcome");
  slot(card, "mark").classList.add(tone);
  card.querySelector("use").setAttribute("href", `#icon-${icon}`);
  for (const [name, words] of Object.entries({ name: meeting, title, text, next })) fill(card, name, words);
  actions.forEach((action) => slot(card, "actions").append(action, " "));
  slot(card, "actions").hidden = !actions.length;
  show(card, screen, title);
  return card;
}

// Pasted into the address of a page that is open already: the browser loads nothing by itself.
window.addEventListener("hashchange", () => SECRET.test(location.hash) && location.reload());
