"""The rendered API documentation. Swagger UI styles itself inline, which the site's policy forbids elsewhere."""

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularSwaggerSplitView

from config.policy import without_trusted_types


@method_decorator(without_trusted_types, name="dispatch")
@method_decorator(csp_update({"style-src": [SELF, UNSAFE_INLINE]}), name="dispatch")
class DocsView(SpectacularSwaggerSplitView):
    http_method_names = ["get", "head"]  # its answer to OPTIONS has no template
