from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views import defaults

from participants.api.errors import answer_server_error

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("participants.api.urls")),
    path("accounts/", include("participants.signin.urls")),
    path("webhooks/", include("participants.webhooks.urls")),
    path("", include("participants.probes.urls")),
    path("", include("participants.pages.urls")),
]


def handler500(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        return answer_server_error(request)
    return defaults.server_error(request)
