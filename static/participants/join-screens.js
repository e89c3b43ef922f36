// What every answer looks like: icon, plain words, what to do next, which buttons. One entry per code.
// For a new code: an entry here, its buttons in join-actions.js, more than words by `extra`.

import { makeConsent } from "./consent.js";
import { INVITATION_SCREENS } from "./invitation-screens.js";
import { sayMoment } from "./join-clock.js";
import { isGuest } from "./join-identity.js";
import { gettext, ngettext } from "./join-words.js";

const at = (iso, words) => (iso ? words.replace("%(moment)s", sayMoment(iso)) : "");

/**
 * text and next: a string or a function of the problem; actions: names of ACTIONS; waits: tried again by itself;
 * reason: the server's own words are shown below; extra: (problem, meeting) => an element below the text.
 */
export const SCREENS = {
  ...INVITATION_SCREENS,
  ready: { icon: "door", tone: "open", title: gettext("The meeting is open"), text: gettext("Your camera and microphone stay off until you choose."), actions: ["join", "list"] },
  consent_required: { icon: "page", tone: "open", title: gettext("Before you join"), text: gettext("The organiser asks everybody to agree to this first."), extra: makeConsent, actions: ["agree", "list"] },
  come_back: { icon: "door", tone: "open", title: gettext("You were in this meeting"), text: gettext("The page was loaded again while you were inside. The meeting is still open."), actions: ["come-back", "list"] },
  too_early: { icon: "clock", tone: "wait", title: gettext("The meeting has not opened yet"), text: ({ opens_at: opens }) => at(opens, gettext("It opens %(moment)s.")), next: gettext("You can leave this page open: the Join button appears by itself."), actions: ["list"] },
  closed: { icon: "moon", tone: "calm", title: gettext("The meeting is over"), text: ({ closes_at: closes }) => at(closes, gettext("It closed %(moment)s.")), next: gettext("If it is meant to go on, ask the organiser to extend it."), actions: ["list"] },
  meeting_inactive: { icon: "pause", tone: "wait", title: gettext("Closed for now"), text: gettext("The organiser has closed this meeting for the moment."), next: gettext("This page notices when it is opened again."), actions: ["list"] },
  full: { icon: "people", tone: "wait", title: gettext("The meeting is full"), text: ({ capacity }) => (capacity ? ngettext("It takes %(count)s person, and every place is taken.", "It takes %(count)s people, and every place is taken.", capacity) : gettext("Every place is taken.")), next: gettext("Ask the organiser for a place, or try again later."), actions: ["retry", "list"] },
  not_enrolled: { icon: "list", tone: "calm", title: gettext("You are not on the list"), text: () => (isGuest() ? gettext("Your invitation is for another meeting.") : gettext("This meeting is for people the organiser has enrolled, and you are not among them.")), next: () => (isGuest() ? gettext("Open the link that you were sent for this one.") : gettext("Ask the organiser of the meeting; they can put it right.")), actions: ["copy", "list"] },
  removed: { icon: "leave", tone: "stop", title: gettext("You were removed from this meeting"), text: gettext("The organiser has taken you off the list, so you can't join any more."), next: gettext("If that is a mistake, ask the organiser to restore you."), actions: ["copy", "list"] },
  blocked: { icon: "lock", tone: "stop", title: gettext("You can't join meetings here"), text: gettext("Your account is blocked at present."), next: gettext("An organiser or administrator can tell you why, and lift it."), actions: ["copy", "list"] },
  not_found: { icon: "search", tone: "calm", title: gettext("There is no such meeting"), text: gettext("The link may be incomplete, or belong to another place."), next: gettext("Check the link, or ask whoever sent it for a new one."), actions: ["list"] },
  enrolment_failed: { icon: "wrench", tone: "stop", title: gettext("Your enrolment needs attention"), text: gettext("The meeting service refused it, and trying again would not help."), next: gettext("The organiser has to correct it. Send them the details."), reason: true, actions: ["copy", "list"] },
  not_authenticated: { icon: "lock", tone: "calm", title: gettext("Please sign in again"), text: gettext("You have been signed out, perhaps because it has been a while."), next: () => (isGuest() ? gettext("Open your personal link again: it brings you straight back here.") : gettext("After signing in you come straight back here.")), actions: ["sign-in"] },
  rate_limited: { icon: "clock", tone: "wait", title: gettext("One moment, please"), text: gettext("Too many attempts in a short time. Nothing is lost."), waits: true, actions: ["retry", "list"] },
  provider_unavailable: { icon: "cloud", tone: "wait", title: gettext("The meeting service does not answer"), text: gettext("It is busy or can't be reached just now. Your place is safe."), waits: true, actions: ["retry", "list"] },
  provider_misconfigured: { icon: "wrench", tone: "stop", title: gettext("An administrator is needed"), text: gettext("This server is not connected to the meeting service properly. You did nothing wrong."), next: gettext("Tell an administrator; they find the cause on the connection page."), reason: true, actions: ["retry", "copy", "list"] },
  network: { icon: "offline", tone: "wait", title: gettext("You seem to be offline"), text: gettext("This server can't be reached from your browser."), next: gettext("Check your connection. We go on as soon as it is back."), waits: true, actions: ["retry", "list"] },
  connection_lost: { icon: "offline", tone: "wait", title: gettext("The connection to the meeting was lost"), text: gettext("Your place is kept."), next: gettext("We bring you back to the door as soon as your connection is there again."), waits: true, actions: ["retry", "list"] },
  stale_page: { icon: "reload", tone: "wait", title: gettext("This page is out of date"), text: gettext("You signed in or out somewhere else in the meantime."), next: gettext("Reload it and try again."), actions: ["reload"] },
  ui_missing: { icon: "box", tone: "wait", title: gettext("You are admitted, but the meeting screen is missing"), text: ({ expires_at: expires }) => `${gettext("The meeting UI is not installed on this server.")} ${at(expires, gettext("Your pass is ready and valid until %(moment)s."))}`, next: gettext("An administrator can install it: npm, then make setup."), actions: ["list"] },
  pass_refused: { icon: "warning", tone: "stop", title: gettext("The meeting did not accept your pass"), text: gettext("A new one was tried and refused as well."), next: gettext("Wait a minute and try again. If it stays so, tell the organiser."), actions: ["retry", "copy", "list"] },
  room_unreachable: { icon: "offline", tone: "wait", title: gettext("The meeting can't be reached from here"), text: gettext("You were admitted, but your browser can't reach the meeting service."), next: gettext("A firewall or a content blocker may be in the way. Try another network."), actions: ["retry", "list"] },
  browser_unsupported: { icon: "box", tone: "stop", title: gettext("This browser can't join"), text: gettext("The meeting needs a current version of Chrome, Edge, Firefox or Safari."), actions: ["list"] },
  kicked: { icon: "leave", tone: "wait", title: gettext("You were taken out of the session"), text: gettext("A host has ended your part in it."), next: gettext("You are still enrolled and may join again unless the host says otherwise."), actions: ["join", "list"] },
  rejected: { icon: "leave", tone: "wait", title: gettext("The host did not let you in"), text: gettext("Your request to enter the session was declined."), next: gettext("You are still enrolled. Ask the host, then try again."), actions: ["join", "list"] },
  ended: { icon: "moon", tone: "calm", title: gettext("The meeting has ended"), text: gettext("The host has ended it for everybody."), actions: ["list"] },
  unexpected: { icon: "warning", tone: "stop", title: gettext("That did not work"), text: gettext("Something unexpected happened. Nothing was lost."), next: gettext("Try again; if it happens again, send the details to an administrator."), reason: true, actions: ["retry", "copy", "list"] },
};

const ALIASES = { permission_denied: "stale_page", csrf_failed: "stale_page", ok: "ready" };

/** The code whose screen fits, known or not. */
export function findScreen(code) {
  const name = ALIASES[code] ?? code;
  return Object.hasOwn(SCREENS, name) ? name : "unexpected";
}
