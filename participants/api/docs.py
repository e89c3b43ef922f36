"""The OpenAPI document, and its pages. Swagger UI styles itself inline, which the site's policy forbids elsewhere."""

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpResponse
from django.utils import translation
from django.utils.decorators import method_decorator
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from config.policy import without_trusted_types


class SchemaView(SpectacularAPIView):
    """Made once a process and form: anybody may ask, and to make it takes a hundred times as long as a join."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: object, **kwargs: object) -> HttpResponse:
        renderer = request.accepted_renderer
        content_type = renderer.media_type + (f"; charset={renderer.charset}" if renderer.charset else "")
        answer = HttpResponse(_read(type(renderer)), content_type=content_type)
        answer["Content-Disposition"] = f'inline; filename="Rollcall.{renderer.format}"'
        return answer


_made: dict[type[BaseRenderer], str | bytes] = {}


def _read(form: type[BaseRenderer]) -> str | bytes:
    if form not in _made:
        # Not in the language of whoever asks first.
        with translation.override(settings.LANGUAGE_CODE):
            document = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
            _made[form] = form().render(document, renderer_context={})
    return _made[form]


@method_decorator(without_trusted_types, name="dispatch")
@method_decorator(csp_update({"style-src": [SELF, UNSAFE_INLINE]}), name="dispatch")
class DocsView(SpectacularSwaggerSplitView):
    http_method_names = ["get", "head"]  # its answer to OPTIONS has no template
