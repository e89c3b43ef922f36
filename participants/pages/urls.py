from django.urls import path
from django.views.i18n import set_language

from participants.pages import views

urlpatterns = [
    path("", views.show_home, name="home"),
    path("m/<uuid:meeting_id>/", views.show_meeting, name="meeting"),
    path("language/", set_language, name="set_language"),
    path("texts/<slug:language>.js", views.serve_texts, name="texts"),
    path("accounts/login/", views.SignIn.as_view(), name="login"),
    path("accounts/login/", views.SignIn.as_view(), name="account_login"),  # django-allauth's name for it
    path("accounts/logout/", views.SignOut.as_view(), name="logout"),
    path("healthz/", views.report_health, name="healthz"),
]
