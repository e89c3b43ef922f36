// Whether our server can be reached: said in one place, and looked at again until it can.

import { announce, fill, main } from "./join-page.js";
import { gettext } from "./join-words.js";

const FIRST_LOOK = 3; // seconds
const LAST_LOOK = 30;

let look = () => {};
let lost = false;
let wait = FIRST_LOOK;
let timer = null;

/** `work` asks our server for something the page wants anyway. */
export function watchNetwork(work) {
  look = work;
  window.addEventListener("offline", noteLost);
  window.addEventListener("online", noteReached);
  if (navigator.onLine === false) noteLost();
}

export function noteReached() {
  clearTimeout(timer);
  wait = FIRST_LOOK;
  if (!lost) return;
  lost = false;
  fill(main, "network", "");
  announce(gettext("Connected again."));
}

export function noteLost() {
  clearTimeout(timer);
  timer = setTimeout(() => look(), wait * 1000);
  wait = Math.min(wait * 2, LAST_LOOK);
  if (lost) return;
  lost = true;
  const words = gettext("No connection. This page goes on by itself as soon as it is back.");
  fill(main, "network", words);
  announce(words);
}
