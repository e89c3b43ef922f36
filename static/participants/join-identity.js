// Whose page this is. Once somebody else signs in in another tab, the server's answers are not for this one.

import { readCookie, readMe } from "./join-api.js";
import { main } from "./join-page.js";

const SIGN_IN_MARK = "csrftoken"; // a new one with every sign-in
let mark = readCookie(SIGN_IN_MARK);

/** me/ as {ok, body}, or {ok: false, problem} when it can't be read or is not about the page's user. */
export async function readOwner() {
  const before = readCookie(SIGN_IN_MARK);
  const answer = await readMe();
  if (!answer.ok) return answer;
  const { id, guest } = answer.body;
  if ((guest ? `guest-${guest.participant}` : String(id)) !== main.dataset.user) return { ok: false, problem: { code: "stale_page" } };
  mark = before;
  return answer;
}

/** Somebody who came by an invitation, and not by signing in. */
export const isGuest = () => Boolean(main.dataset.user?.startsWith("guest-"));

/** False for guests, and where nobody is signed in. */
export const isUser = () => Boolean(main.dataset.user) && !isGuest();

/** Free of charge: whether anybody has signed in since the owner was last read. */
export const hasSignInChanged = () => readCookie(SIGN_IN_MARK) !== mark;
