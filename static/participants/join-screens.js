// What every answer looks like: icon, plain words, what to do next, which buttons. One entry per code.

import { INVITATION_SCREENS } from "./invitation-screens.js";
import { sayMoment } from "./join-clock.js";

const ASK = "Ask the organiser of the meeting; they can put it right.";
const moment = (iso, words) => (iso ? `${words} ${sayMoment(iso)}.` : "");

/** text and next: a string or a function of the problem; actions: names the page knows. */
export const SCREENS = {
  ...INVITATION_SCREENS,
  ready: { icon: "door", tone: "open", title: "The meeting is open", text: "Your camera and microphone stay off until you choose.", actions: ["join", "list"] },
  too_early: { icon: "clock", tone: "wait", title: "The meeting has not opened yet", text: ({ opens_at: opens }) => moment(opens, "It opens"), next: "You can leave this page open: the Join button appears by itself.", actions: ["list"] },
  closed: { icon: "moon", tone: "calm", title: "The meeting is over", text: ({ closes_at: closes }) => moment(closes, "It closed"), next: "If it is meant to go on, ask the organiser to extend it.", actions: ["list"] },
  meeting_inactive: { icon: "pause", tone: "wait", title: "Closed for now", text: "The organiser has closed this meeting for the moment.", next: "This page notices when it is opened again.", actions: ["list"] },
  full: { icon: "people", tone: "wait", title: "The meeting is full", text: ({ capacity }) => (capacity ? `It takes ${capacity} ${capacity === 1 ? "person" : "people"}, and every place is taken.` : "Every place is taken."), next: "Ask the organiser for a place, or try again later.", actions: ["retry", "list"] },
  not_enrolled: { icon: "list", tone: "calm", title: "You are not on the list", text: "This meeting is for people the organiser has enrolled, and you are not among them.", next: ASK, actions: ["copy", "list"] },
  removed: { icon: "leave", tone: "stop", title: "You were removed from this meeting", text: "The organiser has taken you off the list, so you can't join any more.", next: "If that is a mistake, ask the organiser to restore you.", actions: ["copy", "list"] },
  blocked: { icon: "lock", tone: "stop", title: "You can't join meetings here", text: "Your account is blocked at present.", next: "An organiser or administrator can tell you why, and lift it.", actions: ["copy", "list"] },
  not_found: { icon: "search", tone: "calm", title: "There is no such meeting", text: "The link may be incomplete, or belong to another place.", next: "Check the link, or ask whoever sent it for a new one.", actions: ["list"] },
  enrolment_failed: { icon: "wrench", tone: "stop", title: "Your enrolment needs attention", text: "The meeting service refused it, and trying again would not help.", next: "The organiser has to correct it. Send them the details.", reason: true, actions: ["copy", "list"] },
  not_authenticated: { icon: "lock", tone: "calm", title: "Please sign in again", text: "You have been signed out, perhaps because it has been a while.", next: "After signing in you come straight back here.", actions: ["sign-in"] },
  rate_limited: { icon: "clock", tone: "wait", title: "One moment, please", text: "Too many attempts in a short time. Nothing is lost.", waits: true, actions: ["retry", "list"] },
  provider_unavailable: { icon: "cloud", tone: "wait", title: "The meeting service does not answer", text: "It is busy or can't be reached just now. Your place is safe.", waits: true, actions: ["retry", "list"] },
  provider_misconfigured: { icon: "wrench", tone: "stop", title: "An administrator is needed", text: "This server is not connected to the meeting service properly. You did nothing wrong.", next: "Tell an administrator; they find the cause on the connection page.", reason: true, actions: ["retry", "copy", "list"] },
  network: { icon: "offline", tone: "wait", title: "You seem to be offline", text: "This server can't be reached from your browser.", next: "Check your connection. We go on as soon as it is back.", waits: true, actions: ["retry", "list"] },
  stale_page: { icon: "reload", tone: "wait", title: "This page is out of date", text: "You signed in or out somewhere else in the meantime.", next: "Reload it and try again.", actions: ["reload"] },
  ui_missing: { icon: "box", tone: "wait", title: "You are admitted, but the meeting screen is missing", text: ({ expires_at: expires }) => `The meeting UI is not installed on this server. ${moment(expires, "Your pass is ready and valid until")}`, next: "An administrator can install it: npm, then make setup.", actions: ["list"] },
  pass_refused: { icon: "warning", tone: "stop", title: "The meeting did not accept your pass", text: "A new one was tried and refused as well.", next: "Wait a minute and try again. If it stays so, tell the organiser.", actions: ["retry", "copy", "list"] },
  room_unreachable: { icon: "offline", tone: "wait", title: "The meeting can't be reached from here", text: "You were admitted, but your browser can't reach the meeting service.", next: "A firewall or a content blocker may be in the way. Try another network.", actions: ["retry", "list"] },
  browser_unsupported: { icon: "box", tone: "stop", title: "This browser can't join", text: "The meeting needs a current version of Chrome, Edge, Firefox or Safari.", actions: ["list"] },
  kicked: { icon: "leave", tone: "wait", title: "You were taken out of the session", text: "A host has ended your part in it.", next: "You are still enrolled and may join again unless the host says otherwise.", actions: ["join", "list"] },
  ended: { icon: "moon", tone: "calm", title: "The meeting has ended", text: "The host has ended it for everybody.", actions: ["list"] },
  unexpected: { icon: "warning", tone: "stop", title: "That did not work", text: "Something unexpected happened. Nothing was lost.", next: "Try again; if it happens again, send the details to an administrator.", reason: true, actions: ["retry", "copy", "list"] },
};

const ALIASES = { permission_denied: "stale_page", csrf_failed: "stale_page", ok: "ready" };

/** The code whose screen fits, known or not. */
export function findScreen(code) {
  const name = ALIASES[code] ?? code;
  return Object.hasOwn(SCREENS, name) ? name : "unexpected";
}
