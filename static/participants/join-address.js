// The address says which meeting is in focus, so that Back, Forward and reload do what people expect of them.

import { main } from "./join-page.js";

/** The id of the meeting the address names, or "" for the list. */
export function readAddress() {
  const rest = location.pathname.slice(main.dataset.home.length);
  return /^m\/([0-9a-f-]+)\/$/i.exec(rest)?.[1].toLowerCase() ?? "";
}

/** One step on from the list: Back leads there. Nothing where the address says so already. */
export function enterMeeting(id) {
  if (readAddress() !== id) history.pushState({ fromList: true }, "", `${main.dataset.home}m/${id}/`);
}

/** True when the list is one step back, where it arrives as a popstate; else the address is the list's already. */
export function stepBackToList() {
  if (history.state?.fromList) {
    history.back();
    return true;
  }
  history.replaceState(null, "", main.dataset.home);
  return false;
}
