// Requests to our own API. Every answer, network loss included, comes back as {ok, body} or {ok: false, problem}.

import { main } from "./join-page.js";
import { learnServerTime } from "./join-clock.js";
import { noteLost, noteReached } from "./join-network.js";

const PATIENCE = 20_000; // a join answers within 10 s

export const readMe = () => call("GET", "me/");
export const readMeetings = (cursor) => call("GET", `meetings/${cursor}`);
export const readAdmission = (id) => call("GET", `meetings/${id}/admission/`);
export const requestJoin = (id, wish = {}) => call("POST", `meetings/${id}/join/`, wish);

export async function call(method, path, body) {
  const headers = { Accept: "application/json" };
  if (body) Object.assign(headers, { "Content-Type": "application/json", "X-CSRFToken": readCookie("csrftoken") });
  let response;
  try {
    response = await fetch(main.dataset.api + path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch {
    noteLost();
    return { ok: false, problem: { code: "network" } };
  }
  noteReached();
  const answer = await response.json().catch(() => null);
  learnServerTime(answer?.server_time, response.headers.get("Date"));
  if (response.ok && answer) return { ok: true, body: answer };
  return { ok: false, problem: describe(response, answer) };
}

function describe(response, answer) {
  const problem = { ...answer, status: response.status, requestId: response.headers.get("X-Request-ID") };
  problem.code ??= { 401: "not_authenticated", 404: "not_found", 429: "rate_limited", 502: "provider_unavailable",
    503: "provider_unavailable", 504: "provider_unavailable" }[response.status] ?? "unexpected";
  problem.retryAfter = readWait(response.headers.get("Retry-After"));
  return problem;
}

/** Seconds of a Retry-After header, in either of its forms; null without one. */
export function readWait(header) {
  if (!header) return null;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(1, Math.ceil(seconds)) : null;
}

export function readCookie(name) {
  const pair = document.cookie.split("; ").find((item) => item.startsWith(`${name}=`));
  return pair ? decodeURIComponent(pair.slice(name.length + 1)) : "";
}
