// The buttons under a message, by the names that SCREENS gives them.

import { isUser } from "./join-identity.js";
import { announce, main } from "./join-page.js";
import { gettext } from "./join-words.js";

/** Each makes one element from {screen, problem, meeting, join, retry}. */
const ACTIONS = {
  join: ({ join }) => makeButton(gettext("Join"), () => join(), "primary large", "join"),
  "come-back": ({ join }) => makeButton(gettext("Come back"), () => join(), "primary large", "join"),
  agree: ({ problem, join }) => {
    const button = makeButton(gettext("Join"), () => join({ consent: problem.consent.id }), "primary large", "join");
    button.setAttribute("aria-disabled", "true"); // until the box is ticked
    button.setAttribute("aria-describedby", "consent-hint");
    return button;
  },
  retry: ({ retry }) => makeButton(gettext("Try again"), retry, "primary", "retry"),
  list: () => makeLink(gettext("My meetings"), main.dataset.home),
  home: (facts) => makeAction(isUser() ? "list" : "sign-in", facts),
  reload: () => makeButton(gettext("Reload the page"), () => location.reload(), "primary"),
  copy: (facts) => makeButton(gettext("Copy details"), (button) => copyDetails(button, facts)),
  "sign-in": () => {
    const back = encodeURIComponent(location.pathname);
    return makeLink(gettext("Sign in"), `${main.dataset.signIn}?next=${back}`, "primary");
  },
};

export const makeAction = (name, facts) => ACTIONS[name](facts);

/** `action` gets the button; while it is busy, nothing is done a second time. */
export function makeButton(text, action, looks = "", mark = "") {
  const button = document.createElement("button");
  button.type = "button";
  button.className = `button ${looks}`.trim();
  button.textContent = text;
  if (mark) button.dataset[mark] = "";
  button.addEventListener("click", () => isBusy(button) || action(button));
  return button;
}

export const isBusy = (button) => button.getAttribute("aria-disabled") === "true";

/** Still focusable, so that nobody is thrown to the top of the page; said aloud, and shown by a turning ring. */
export function setBusy(button, words = "") {
  if (!button) return;
  for (const name of ["aria-disabled", "aria-busy"]) words ? button.setAttribute(name, "true") : button.removeAttribute(name);
  button.classList.toggle("busy", Boolean(words));
  if (words) announce(words);
}

function makeLink(text, address, looks = "") {
  const link = document.createElement("a");
  link.className = `button ${looks}`.trim();
  link.href = address;
  link.textContent = text;
  return link;
}

/** Something to send to the organiser: which meeting, what was seen, when. */
async function copyDetails(button, { screen, problem, meeting }) {
  const address = meeting ? new URL(`${main.dataset.home}m/${meeting.id}/`, location.href).href : location.origin + location.pathname;
  const facts = [meeting?.title, address, `${screen.title} (${problem.code})`, problem.reason, new Date().toISOString(),
    problem.requestId && sayReference(problem)];
  try {
    await navigator.clipboard.writeText(facts.filter(Boolean).join("\n"));
    button.textContent = gettext("Copied");
    announce(gettext("Details copied."));
  } catch {
    button.textContent = gettext("Copying is not allowed here");
  }
}

export const sayReference = ({ requestId }) => gettext("Reference %(id)s", { id: requestId });
