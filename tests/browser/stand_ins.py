"""The vendor's SDK, made to behave as a test needs. The page believes that it talks to Cloudflare."""

from playwright.sync_api import Page, Route

REFUSING_SDK = """
window.attempts = [];
window.RealtimeKitClient = { init: async ({ authToken }) => {
  window.attempts.push(authToken);
  throw Object.assign(new Error("refused"), { code: "0004" });
} };
"""

REFUSING_THE_OLD_TOKEN = """
window.attempts = [];
const nothing = () => {};
window.RealtimeKitClient = { init: async ({ authToken }) => {
  window.attempts.push(authToken);
  while (authToken === window.oldToken && !localStorage.getItem("go")) await new Promise((go) => setTimeout(go, 50));
  if (authToken === window.oldToken) throw Object.assign(new Error("refused"), { code: "0004" });
  return { self: { on: nothing, disableVideo: nothing, disableAudio: nothing }, join: nothing };
} };
"""
"""Refuses ``window.oldToken`` once every tab holds it, which ``localStorage.go`` says."""

REAL_SDK = """
;{
  const real = RealtimeKitClient.init.bind(RealtimeKitClient);
  window.attempts = [];
  window.joins = 0;
  window.failures ??= [];
  RealtimeKitClient.init = async (options) => {
    window.attempts.push(options.authToken);
    const { imagineSession, stopAtTheDoor } = await import("/static/participants/join-sandbox.js");
    const participant = { id: "a", realtimekit_id: "b", custom_participant_id: "c", name: "Ada Example",
      preset: "group_call_participant" };
    const meeting = { title: "Algebra, group 7" };
    const imagined = imagineSession({ token: options.authToken, participant, meeting });
    const client = await real({ ...options, ...imagined });
    stopAtTheDoor(client, () => {});
    const value = async () => {
      window.joins += 1;
      const code = window.failures.shift();
      if (code) throw Object.assign(new Error("failed"), { code });
      client.self.emit("roomJoined", { reconnected: false });
    };
    Object.defineProperty(client, "join", { value, configurable: true });
    return client;
  };
}
"""
"""Appended to the vendor's file: its own client, whose joins end as ``window.failures`` says, in order."""


def stand_in_for_cloudflare(page: Page, script: str) -> None:
    """The vendor's SDK is this script."""
    _rename_provider(page)
    page.route("**/realtimekit/browser.js", lambda route: route.fulfill(body=script, content_type="text/javascript"))


def extend_the_sdk(page: Page, script: str = REAL_SDK) -> None:
    """The vendor's SDK is itself, and this script after it."""

    def extend(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text() + script)

    _rename_provider(page)
    page.route("**/realtimekit/browser.js", extend)


def _rename_provider(page: Page) -> None:
    def rename(route: Route) -> None:
        answer = route.fetch()
        body = answer.text().replace('data-provider="sandbox"', 'data-provider="cloudflare"')
        route.fulfill(response=answer, body=body)

    page.route("**/m/*/", rename)
