from django.urls import path

from participants.probes import views

urlpatterns = [
    path("readyz/", views.report_readiness, name="readyz"),
]
