// Times as people read them. Countdowns run on the server's clock, which decides, not on this device's.

import { gettext, language, ngettext } from "./join-words.js";

const COARSE = 2000; // a Date header has whole seconds, and was on its way for a while

let ahead = 0; // the server's clock minus ours, in milliseconds

/** From an answer's `server_time`, else from its Date header, which corrects large errors only. */
export function learnServerTime(exact, header) {
  const difference = Date.parse(exact ?? header) - Date.now();
  if (Number.isFinite(difference) && (exact || Math.abs(difference - ahead) > COARSE)) ahead = difference;
}

export const now = () => Date.now() + ahead;
export const secondsUntil = (iso) => Math.ceil((Date.parse(iso) - now()) / 1000);

const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const date = new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", month: "short" });
const dateWithYear = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", year: "numeric" });
const nearDay = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

/** "today, 09:00", "Mon 12 Jan, 09:00" or, further away, "12 Jan 2028, 09:00". */
export function sayMoment(iso) {
  const moment = new Date(iso);
  return `${sayDay(moment)}, ${clock.format(moment)}`;
}

/** When a meeting is open: "always open", "today, 09:00 – 10:00", "until …", "from …". */
export function sayWindow({ opens_at: opens, closes_at: closes }) {
  if (!opens && !closes) return gettext("Always open");
  if (!closes) return gettext("From %(moment)s", { moment: sayMoment(opens) });
  if (!opens) return gettext("Until %(moment)s", { moment: sayMoment(closes) });
  const sameDay = new Date(opens).toDateString() === new Date(closes).toDateString();
  const end = sameDay ? clock.format(new Date(closes)) : sayMoment(closes);
  return capitalise(`${sayMoment(opens)} – ${end}`);
}

/** "2 days 3 h", "3 h 12 min", "12:34": finer as it comes nearer. */
export function saySpan(seconds) {
  const left = Math.max(0, seconds);
  const [days, hours, minutes] = [Math.floor(left / 86400), Math.floor(left / 3600) % 24, Math.floor(left / 60) % 60];
  if (days) {
    const said = ngettext("%(count)s day", "%(count)s days", days);
    return hours ? `${said} ${hours} h` : said;
  }
  if (hours) return `${hours} h ${minutes} min`;
  return `${minutes}:${String(left % 60).padStart(2, "0")}`;
}

export const capitalise = (text) => text.charAt(0).toLocaleUpperCase(language) + text.slice(1);

function sayDay(moment) {
  const days = Math.round((startOfDay(moment) - startOfDay(new Date(now()))) / 86_400_000);
  if (Math.abs(days) <= 1) return nearDay.format(days, "day");
  return (Math.abs(days) < 180 ? date : dateWithYear).format(moment);
}

function startOfDay(moment) {
  return new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());
}
