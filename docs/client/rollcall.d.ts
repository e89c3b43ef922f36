/** @param {{ base?: string, credentials?: RequestCredentials }} [options] `include` from another host of the site. */
export function connect({ base, credentials }?: {
    base?: string;
    credentials?: RequestCredentials;
}): {
    me: () => Promise<Shapes["Me"]>;
    /** @param {string} [query] that of `next`: `new URL(page.next).search` @returns {Promise<Shapes["MyMeetingPage"]>} */
    meetings: (query?: string) => Promise<Shapes["MyMeetingPage"]>;
    /** @param {string} id @returns {Promise<Shapes["MyMeeting"]>} */
    meeting: (id: string) => Promise<Shapes["MyMeeting"]>;
    /** @param {string} id @returns {Promise<Shapes["AdmissionShape"]>} */
    admission: (id: string) => Promise<Shapes["AdmissionShape"]>;
    /**
     * A token. At the click, never earlier; in memory, never stored.
     * @param {string} id
     * @param {Shapes["JoinRequestRequest"]} [wish] `refresh` only after the SDK's 0004 and an admission of `ok`
     * @returns {Promise<Shapes["JoinAnswer"]>}
     */
    join: (id: string, wish?: Shapes["JoinRequestRequest"]) => Promise<Shapes["JoinAnswer"]>;
};
/** @typedef {import("./schema").components["schemas"]} Shapes */
/** Any answer but success. `code` says why: see docs/api.md. */
export class Problem extends Error {
    /**
     * @param {Record<string, unknown> & { code: string }} body
     * @param {number} status 0 when there was no answer
     * @param {number | null} retryAfter seconds
     */
    constructor(body: Record<string, unknown> & {
        code: string;
    }, status: number, retryAfter?: number | null);
    code: string;
    body: Record<string, unknown> & {
        code: string;
    };
    status: number;
    retryAfter: number | null;
}
export type Shapes = import("./schema").components["schemas"];
