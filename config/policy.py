"""Exceptions from the site-wide content security policy that more than one part needs."""

from csp.decorators import csp_replace

without_trusted_types = csp_replace({"require-trusted-types-for": None, "trusted-types": None})
"""For views whose pages load code of others that writes markup as text: RealtimeKit's UI kit, jQuery in Django's
admin, Swagger UI. Tried in Chromium: icons, fields and all that is built with them stay empty."""
