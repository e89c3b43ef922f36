from django.urls import path

from participants.probes import views

urlpatterns = [
    path("metrics", views.serve_metrics, name="metrics"),
    path("readyz/", views.report_readiness, name="readyz"),
]
