// The participant token: asked for at the click, kept in memory only, and renewed once for all tabs of a browser.

import { readAdmission, requestJoin } from "./join-api.js";
import { readOwner } from "./join-identity.js";

const PAUSES = [0, 700, 1500, 3000]; // ms between looks for a token that somebody else has asked for

/** A pass is {token, body, at}: the join endpoint's answer and when it came. Or {problem}. `wish` goes with the request. */
export async function fetchPass(id, wish) {
  const owner = await readOwner();
  if (!owner.ok) return owner;
  return accept(await requestJoin(id, wish), owner.body.custom_participant_id);
}

/**
 * Another pass for one that the SDK refused. It can't tell expired from removed or closed, so our server is asked
 * first; only if that says yes is a new token made.
 */
export async function renewPass(id, refused) {
  const verdict = await readAdmission(id);
  if (!verdict.ok) return verdict;
  if (verdict.body.code !== "ok") return { problem: verdict.body };
  const answer = await inTurn(id, () => exchange(id, refused));
  return accept(answer, refused.body.participant.custom_participant_id);
}

/** The sign-in may have changed between two requests. Who never joined anything has no such id yet. */
function accept({ ok, body, problem }, own) {
  if (!ok) return { problem };
  if (own && body.participant.custom_participant_id !== own) return { problem: { code: "stale_page" } };
  return { token: body.token, body, at: Date.now() };
}

async function exchange(id, refused) {
  if (readRenewal(id) > refused.at) {
    const answer = await requestJoin(id); // another tab has renewed it since: the server holds the new one
    if (!answer.ok || answer.body.token !== refused.token) return answer;
  }
  const answer = await requestJoin(id, { refresh: true });
  if (answer.ok) noteRenewal(id);
  return answer.problem?.code === "rate_limited" ? awaitRenewal(id, refused, answer) : answer;
}

/** Another device, or a tab without locks, was quicker: the server renews once a minute for all of them. */
async function awaitRenewal(id, refused, late) {
  for (const pause of PAUSES) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    const answer = await requestJoin(id);
    if (!answer.ok || answer.body.token !== refused.token) return answer;
  }
  return late;
}

/** One tab at a time. Without Web Locks (plain HTTP, old browsers) the server decides which tab is first. */
function inTurn(id, work) {
  return navigator.locks ? navigator.locks.request(`rollcall.renew.${id}`, work) : work();
}

const keyOf = (id) => `rollcall.renewed.${id}`; // when, in this browser's time; never the token

function readRenewal(id) {
  try {
    return Number(localStorage.getItem(keyOf(id)));
  } catch {
    return 0;
  }
}

function noteRenewal(id) {
  try {
    localStorage.setItem(keyOf(id), String(Date.now()));
  } catch {
    // storage is switched off: the server still renews once a minute at most
  }
}
