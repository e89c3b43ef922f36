// What invitations that open nothing look like: at the link itself, and on the page of a guest whose invitation is over.
// One entry per code, as in join-screens.js.

import { sayMoment } from "./join-clock.js";
import { gettext } from "./join-words.js";

export const INVITATION_SCREENS = {
  invitation_unknown: { icon: "search", tone: "calm", title: gettext("This link does not work"), text: gettext("It is no invitation of ours, or a part of it is missing."), next: gettext("Copy it whole from the mail, or ask the organiser for a new one."), actions: ["home"] },
  invitation_revoked: { icon: "lock", tone: "stop", title: gettext("Your invitation was revoked"), text: ({ replaced }) => (replaced ? gettext("A newer link was sent to you, and this one no longer works.") : gettext("The organiser has taken it back.")), next: ({ replaced }) => (replaced ? gettext("Open the newest mail.") : gettext("Ask the organiser if that is a mistake.")), actions: ["home"] },
  invitation_expired: { icon: "clock", tone: "calm", title: gettext("Your invitation has expired"), text: ({ expired_at: end }) => (end ? gettext("It was good until %(moment)s.", { moment: sayMoment(end) }) : ""), next: gettext("Ask the organiser for a new one."), actions: ["home"] },
  invitation_used: { icon: "lock", tone: "stop", title: gettext("Opened on another device"), text: gettext("This invitation was opened on another device first, and works only there."), next: gettext("Use that device, or ask the organiser for a new one."), actions: ["home"] },
};
