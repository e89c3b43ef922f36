// What a meeting asks to agree to before joining: the text, and a box that nobody has ticked for its reader.

import { announce, fill, slot, stamp } from "./join-page.js";
import { gettext } from "./join-words.js";

let shown = {}; // the text on show: {meeting, id}

/** The text of `consent`, {id, text}, above the box without which Join stays off. */
export function makeConsent({ consent }, meeting) {
  const part = stamp("consent");
  const changed = shown.meeting === meeting.id && shown.id !== consent.id;
  shown = { meeting: meeting.id, id: consent.id };
  const paragraphs = consent.text.split(/\n{2,}/).map((text) => {
    const paragraph = document.createElement("p");
    paragraph.textContent = text;
    return paragraph;
  });
  slot(part, "wording").append(...paragraphs);
  fill(part, "changed", changed ? gettext("The organiser has changed the text. Please read it again.") : "");
  part.querySelector("input").addEventListener("change", ({ target }) => allow(part, target.checked));
  return part;
}

/** Whether it is this text that is on show: then the screen needs no change, and a tick stays. */
export const isShown = (consent) => shown.id === consent?.id;

function allow(part, agreed) {
  const button = part.closest(".outcome").querySelector("[data-join]");
  if (button.classList.contains("busy")) return;
  const hint = slot(part, "tick");
  hint.hidden = agreed;
  set(button, "aria-disabled", agreed ? null : "true");
  for (const element of [button, part.querySelector("input")]) set(element, "aria-describedby", agreed ? null : hint.id);
  announce(agreed ? gettext("You can join now.") : "");
}

const set = (element, name, value) => (value ? element.setAttribute(name, value) : element.removeAttribute(name));
