// Times as people read them. Countdowns run on the server's clock, which decides.

let ahead = 0; // the server's clock minus ours, in milliseconds

/** A Date header has whole seconds: only a difference larger than that is believed. */
export function learnServerTime(header) {
  const difference = Date.parse(header) - Date.now();
  ahead = Math.abs(difference) > 2000 ? difference : 0;
}

export const now = () => Date.now() + ahead;
export const secondsUntil = (iso) => Math.ceil((Date.parse(iso) - now()) / 1000);

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const date = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const dateWithYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

/** "today, 09:00", "Mon 12 Jan, 09:00" or, further away, "12 Jan 2028, 09:00". */
export function sayMoment(iso) {
  const moment = new Date(iso);
  return `${sayDay(moment)}, ${clock.format(moment)}`;
}

/** When a meeting is open: "always open", "today, 09:00 – 10:00", "until …", "from …". */
export function sayWindow({ opens_at: opens, closes_at: closes }) {
  if (!opens && !closes) return "Always open";
  if (!closes) return `From ${sayMoment(opens)}`;
  if (!opens) return `Until ${sayMoment(closes)}`;
  const sameDay = new Date(opens).toDateString() === new Date(closes).toDateString();
  const end = sameDay ? clock.format(new Date(closes)) : sayMoment(closes);
  return capitalise(`${sayMoment(opens)} – ${end}`);
}

/** "2 days 3 h", "3 h 12 min", "12:34": finer as it comes nearer. */
export function saySpan(seconds) {
  const left = Math.max(0, seconds);
  const [days, hours, minutes] = [Math.floor(left / 86400), Math.floor(left / 3600) % 24, Math.floor(left / 60) % 60];
  if (days) return `${days} ${days === 1 ? "day" : "days"}${hours ? ` ${hours} h` : ""}`;
  if (hours) return `${hours} h ${minutes} min`;
  return `${minutes}:${String(left % 60).padStart(2, "0")}`;
}

export const capitalise = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function sayDay(moment) {
  const today = new Date(now());
  const days = Math.round((startOfDay(moment) - startOfDay(today)) / 86_400_000);
  const near = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
  return near ?? (Math.abs(days) < 180 ? date : dateWithYear).format(moment);
}

function startOfDay(moment) {
  return new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());
}
