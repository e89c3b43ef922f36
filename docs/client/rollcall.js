// @ts-check
// A client for attendees' calls. Copy it beside schema.d.ts and rollcall.d.ts; it needs nothing else.

/** @typedef {import("./schema").components["schemas"]} Shapes */

/** Any answer but success. `code` says why: see docs/api.md. */
export class Problem extends Error {
  /**
   * @param {Record<string, unknown> & { code: string }} body
   * @param {number} status 0 when there was no answer
   * @param {number | null} retryAfter seconds
   */
  constructor(body, status, retryAfter = null) {
    super(String(body.detail ?? body.code));
    this.name = "Problem";
    this.code = body.code;
    this.body = body;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** @param {{ base?: string, credentials?: RequestCredentials }} [options] `include` from another host of the site. */
export function connect({ base = "/api/v1/", credentials = "same-origin" } = {}) {
  /**
   * @template T
   * @param {string} path
   * @param {RequestInit} [options]
   * @returns {Promise<T>}
   */
  async function call(path, options = {}) {
    const answer = await fetch(base + path, { credentials, cache: "no-store", ...options }).catch(() => null);
    if (!answer) throw new Problem({ code: "network" }, 0);
    const body = await answer.json().catch(() => null);
    if (answer.ok && body) return body;
    throw new Problem({ code: "unexpected", ...body }, answer.status, Number(answer.headers.get("Retry-After")) || null);
  }

  /** @returns {Promise<Shapes["Me"]>} */
  const me = () => call("me/");

  /** The cookie can't be read from another host: then `me` says the same. */
  const findCsrfToken = async () => /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? (await me()).csrf_token;

  return {
    me,
    /** @param {string} [query] that of `next`: `new URL(page.next).search` @returns {Promise<Shapes["MyMeetingPage"]>} */
    meetings: (query = "") => call(`meetings/${query}`),
    /** @param {string} id @returns {Promise<Shapes["MyMeeting"]>} */
    meeting: (id) => call(`meetings/${id}/`),
    /** @param {string} id @returns {Promise<Shapes["AdmissionShape"]>} */
    admission: (id) => call(`meetings/${id}/admission/`),
    /**
     * A token. At the click, never earlier; in memory, never stored.
     * @param {string} id
     * @param {Shapes["JoinRequestRequest"]} [wish] `refresh` only after the SDK's 0004 and an admission of `ok`
     * @returns {Promise<Shapes["JoinAnswer"]>}
     */
    join: async (id, wish = {}) =>
      call(`meetings/${id}/join/`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": await findCsrfToken() },
        body: JSON.stringify(wish),
      }),
  };
}
