"""What the join page may load and reach beyond the site-wide policy: the RealtimeKit web SDK (contract 17.1)."""

from typing import Any

from csp.constants import NONCE, SELF

CLOUDFLARE = "realtime.cloudflare.com"
NOWHERE = "sandbox.invalid"
"""Where the sandbox's page lets the SDK look for its services: a name that never resolves."""

_ASSETS = [f"https://rtk-assets.{CLOUDFLARE}", f"https://rtk-uploads.{CLOUDFLARE}"]  # the UI kit's sounds
_HOSTS = ("api", "api-silos", "da-collector", "location", "location-legacy")


def list_join_sources(visits: str) -> dict[str, list[Any]]:
    """Additions to ``CONTENT_SECURITY_POLICY`` for that page alone. ``visits`` is where the page tells a sandbox that
    somebody is inside, blank with Cloudflare.

    The UI kit makes one <style> element and takes the nonce from a meta tag, so no inline style is allowed.
    """
    base = NOWHERE if visits else CLOUDFLARE
    services = [f"https://{host}.{base}" for host in _HOSTS] + [f"wss://socket-edge.{base}"]
    files = [visits] if visits else ["https://*.r2.cloudflarestorage.com"]
    return {
        "style-src": [NONCE],
        "connect-src": [SELF, *services, *_ASSETS, *files],
        "img-src": ["blob:", "https:"],  # people's pictures may come from anywhere
        "media-src": [SELF, "blob:", *_ASSETS],
        "worker-src": [SELF, "blob:"],
    }
