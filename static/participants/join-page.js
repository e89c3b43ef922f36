// The page's surroundings: its data attributes, its templates, where focus and announcements go.

export const main = document.getElementById("main");
const view = main.querySelector("[data-view]");
const SLEPT = 5000; // ms between two ticks a second apart

const announcer = main.querySelector("[data-announcer]");

/** A copy of a <template>, as one element. */
export function stamp(name) {
  return document.getElementById(name).content.firstElementChild.cloneNode(true);
}

export function slot(root, name) {
  return root.querySelector(`[data-slot="${name}"]`);
}

/** Put text into a slot; an empty one is hidden. Touches nothing that already reads so: no flicker. */
export function fill(root, name, text) {
  const element = slot(root, name);
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

/** Put a whole screen in place and move focus to its heading, unless it is the page's first. */
export function show(element, screen, title) {
  const first = main.dataset.screen === "loading" || main.dataset.screen === "list";
  const wasInView = view.contains(document.activeElement);
  view.replaceChildren(element);
  main.dataset.screen = screen;
  document.title = `${title} · Rollcall`;
  if (!first || wasInView) element.querySelector("h1").focus({ preventScroll: true });
  if (!first || wasInView) window.scrollTo(0, 0);
}

/** Say it to screen readers, once. */
export function announce(text) {
  announcer.textContent = text;
}

/** Run `work` now and whenever the page is looked at again, and every `seconds` while it is looked at. */
export function keepFresh(work, seconds) {
  let timer;
  let running = false;
  let again = false;
  const tick = async () => {
    again = running; // the laptop was closed while an answer was awaited: that answer may never come
    if (running) return;
    running = true;
    clearTimeout(timer);
    try {
      if (!document.hidden) await work();
    } finally {
      running = false;
      timer = setTimeout(tick, again ? 0 : seconds * 1000);
    }
  };
  window.addEventListener("focus", tick);
  window.addEventListener("online", tick);
  window.addEventListener("pageshow", (event) => event.persisted && tick());
  document.addEventListener("visibilitychange", () => document.hidden || tick());
  return tick;
}

/** Call `woken` after this page's time stood still: a closed lid, a suspended tab. */
export function watchSleep(woken) {
  let last = Date.now();
  setInterval(() => {
    const gap = Math.abs(Date.now() - last); // backwards, too: the device's clock was put right
    last = Date.now();
    if (gap > SLEPT) woken();
  }, 1000);
}
