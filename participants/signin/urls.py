"""Every page of signing in beside the form itself. Allauth asks for some of them by its own names."""

from django.urls import path

from participants.signin import confirmation, views

urlpatterns = [
    path("provider/", views.begin, name="oidc_begin"),
    path("provider/callback/", views.come_back, name="oidc_callback"),
    path("email/", confirmation.send, name="send_email_link"),
    path("email/<str:key>/", confirmation.confirm, name="confirm_email"),
    path("confirm/", views.give_password, name="account_reauthenticate"),
    path("2fa/", views.show_factor, name="mfa_index"),
    path("2fa/code/", views.give_code, name="mfa_reauthenticate"),
    path("2fa/set-up/", views.activate, name="mfa_activate_totp"),
    path("2fa/remove/", views.deactivate, name="mfa_deactivate_totp"),
    path("2fa/recovery-codes/", views.show_codes, name="mfa_view_recovery_codes"),
    path("2fa/recovery-codes/new/", views.make_codes, name="mfa_generate_recovery_codes"),
]
