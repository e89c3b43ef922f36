// Whether this tab was inside a meeting when it was reloaded or put to sleep: the way back is then offered.
// Only the meeting's id is kept, and only as long as the tab; never a token.

import { main } from "./join-page.js";

const KEY = "rollcall.inside";

export function noteInside(id) {
  try {
    sessionStorage.setItem(KEY, describe(id));
  } catch {
    // storage is switched off: nothing is offered after a reload
  }
}

export function forgetInside() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // as above
  }
}

export function wasInside(id) {
  try {
    return sessionStorage.getItem(KEY) === describe(id);
  } catch {
    return false;
  }
}

const describe = (id) => `${main.dataset.user}/${id}`;
