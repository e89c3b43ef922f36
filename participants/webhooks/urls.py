from django.urls import path, re_path

from participants.webhooks import views

urlpatterns = [
    path("realtimekit/", views.receive, name="webhook"),
    # A registration typed without the last slash must not be answered by a redirect, which counts as failed.
    re_path(r"^realtimekit$", views.receive),
]
