"""The site-wide content security policy as answers carry it, and exceptions that more than one part needs."""

from typing import Any

from csp.constants import HEADER
from csp.decorators import csp_replace
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

without_trusted_types = csp_replace({"require-trusted-types-for": None, "trusted-types": None})
"""For views whose pages load code of others that writes markup as text: RealtimeKit's UI kit, jQuery in Django's
admin, Swagger UI. Tried in Chromium: icons, fields and all that is built with them stay empty."""
_OWN = ("_csp_config", "_csp_update", "_csp_replace", "_csp_exempt")


class PolicyMiddleware(CSPMiddleware):
    """Where an answer has no say of its own, the header is the one before: the library builds it anew for each.

    A policy that only reports, which one tries another with for a while, is left to the library.
    """

    _built: tuple[Any, str] = (None, "")

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        own = any(hasattr(response, name) for name in _OWN) or hasattr(request, "_csp_nonce") or HEADER in response
        if own or settings.DEBUG or getattr(settings, "CONTENT_SECURITY_POLICY_REPORT_ONLY", None):
            return super().process_response(request, response)
        source, header = self._built
        if source is not settings.CONTENT_SECURITY_POLICY:
            source, header = settings.CONTENT_SECURITY_POLICY, build_policy()
            self._built = source, header
        response[HEADER] = header
        return response
