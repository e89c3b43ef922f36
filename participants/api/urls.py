from django.urls import URLPattern, URLResolver, include, path, re_path

from participants.api import (
    invitations,
    manage_access,
    manage_attendance,
    manage_batches,
    manage_changes,
    manage_connection,
    manage_drift,
    manage_hooks,
    manage_invitations,
    manage_meetings,
    manage_participants,
    manage_sessions,
    views,
)
from participants.api.docs import DocsView, SchemaView
from participants.api.errors import answer_unknown_path

manage = [
    path("connection/", manage_connection.ManageConnectionView.as_view(), name="manage-connection"),
    path("meetings/", manage_meetings.ManageMeetingsView.as_view(), name="manage-meetings"),
    path("meetings/<uuid:meeting_id>/", manage_meetings.ManageMeetingView.as_view(), name="manage-meeting"),
    path(
        "meetings/<uuid:meeting_id>/participants/",
        manage_participants.MeetingParticipantsView.as_view(),
        name="manage-participants",
    ),
    path(
        "participants/<uuid:participant_id>/",
        manage_participants.ParticipantView.as_view(),
        name="manage-participant",
    ),
    path(
        "participants/<uuid:participant_id>/restore/",
        manage_participants.RestoreView.as_view(),
        name="manage-participant-restore",
    ),
    path(
        "participants/<uuid:participant_id>/token/",
        manage_participants.TokenView.as_view(),
        name="manage-participant-token",
    ),
    path(
        "participants/<uuid:participant_id>/admission/",
        manage_participants.ParticipantAdmissionView.as_view(),
        name="manage-participant-admission",
    ),
    path(
        "meetings/<uuid:meeting_id>/enrolments/",
        manage_batches.EnrolmentsView.as_view(),
        name="manage-enrolments",
    ),
    path(
        "meetings/<uuid:meeting_id>/removals/",
        manage_changes.RemovalsView.as_view(),
        name="manage-removals",
    ),
    path(
        "meetings/<uuid:meeting_id>/preset-changes/",
        manage_changes.PresetChangesView.as_view(),
        name="manage-preset-changes",
    ),
    path("meetings/<uuid:meeting_id>/drift/", manage_drift.DriftView.as_view(), name="manage-drift"),
    path("meetings/<uuid:meeting_id>/drift/items/", manage_drift.ItemsView.as_view(), name="manage-drift-items"),
    path("meetings/<uuid:meeting_id>/drift/apply/", manage_drift.ApplyView.as_view(), name="manage-drift-apply"),
    path("batches/<uuid:batch_id>/", manage_batches.BatchView.as_view(), name="manage-batch"),
    path("batches/<uuid:batch_id>/rows/", manage_batches.BatchRowsView.as_view(), name="manage-batch-rows"),
    path("batches/<uuid:batch_id>/stop/", manage_batches.StopView.as_view(), name="manage-batch-stop"),
    path("batches/<uuid:batch_id>/retry/", manage_batches.RetryView.as_view(), name="manage-batch-retry"),
    path("batches/<uuid:batch_id>/undo/", manage_batches.UndoView.as_view(), name="manage-batch-undo"),
    path(
        "meetings/<uuid:meeting_id>/sessions/",
        manage_sessions.MeetingSessionsView.as_view(),
        name="manage-sessions",
    ),
    path(
        "meetings/<uuid:meeting_id>/attendance/",
        manage_attendance.MeetingAttendanceView.as_view(),
        name="manage-meeting-attendance",
    ),
    path(
        "meetings/<uuid:meeting_id>/attendance/export/",
        manage_attendance.MeetingAttendanceExportView.as_view(),
        name="manage-meeting-attendance-export",
    ),
    path("meetings/<uuid:meeting_id>/kick/", manage_sessions.KickView.as_view(), name="manage-meeting-kick"),
    path("meetings/<uuid:meeting_id>/end/", manage_sessions.EndView.as_view(), name="manage-meeting-end"),
    path(
        "meetings/<uuid:meeting_id>/invitations/",
        manage_invitations.MeetingInvitationsView.as_view(),
        name="manage-invitations",
    ),
    path(
        "meetings/<uuid:meeting_id>/invitations/resend/",
        manage_invitations.ResendAllView.as_view(),
        name="manage-invitations-resend",
    ),
    path(
        "invitations/<uuid:invitation_id>/",
        manage_invitations.InvitationView.as_view(),
        name="manage-invitation",
    ),
    path(
        "invitations/<uuid:invitation_id>/resend/",
        manage_invitations.ResendView.as_view(),
        name="manage-invitation-resend",
    ),
    path(
        "meetings/<uuid:meeting_id>/messages/",
        manage_invitations.MeetingMessagesView.as_view(),
        name="manage-messages",
    ),
    path(
        "messages/<uuid:message_id>/retry/",
        manage_invitations.RetryMessageView.as_view(),
        name="manage-message-retry",
    ),
    path(
        "meetings/<uuid:meeting_id>/access-requests/",
        manage_access.MeetingAccessView.as_view(),
        name="manage-access",
    ),
    path(
        "meetings/<uuid:meeting_id>/access-requests/decide/",
        manage_access.DecideView.as_view(),
        name="manage-access-decide",
    ),
    path("attendance/", manage_attendance.AttendanceView.as_view(), name="manage-attendance"),
    path("attendance/export/", manage_attendance.AttendanceExportView.as_view(), name="manage-attendance-export"),
    path(
        "attendance/<uuid:presence_id>/correction/",
        manage_attendance.CorrectionView.as_view(),
        name="manage-attendance-correction",
    ),
    path("hooks/", manage_hooks.ManageHooksView.as_view(), name="manage-hooks"),
    path("hooks/<uuid:hook_id>/", manage_hooks.ManageHookView.as_view(), name="manage-hook"),
    path("hooks/<uuid:hook_id>/rotate/", manage_hooks.RotateView.as_view(), name="manage-hook-rotate"),
    path("hooks/<uuid:hook_id>/test/", manage_hooks.TestView.as_view(), name="manage-hook-test"),
    path("hooks/<uuid:hook_id>/messages/", manage_hooks.HookMessagesView.as_view(), name="manage-hook-messages"),
    path("hooks/<uuid:hook_id>/replay/", manage_hooks.ReplayView.as_view(), name="manage-hook-replay"),
    path("hook-messages/<uuid:message_id>/", manage_hooks.HookMessageView.as_view(), name="manage-hook-message"),
]

v1: list[URLPattern | URLResolver] = [
    path("me/", views.MeView.as_view(), name="me"),
    path("me/attendance/", views.MyAttendanceView.as_view(), name="my-attendance"),
    path("meetings/", views.MyMeetingsView.as_view(), name="my-meetings"),
    path("meetings/<uuid:meeting_id>/", views.MyMeetingView.as_view(), name="my-meeting"),
    path("meetings/<uuid:meeting_id>/join/", views.JoinView.as_view(), name="join"),
    path("meetings/<uuid:meeting_id>/admission/", views.AdmissionView.as_view(), name="admission"),
    path("meetings/<uuid:meeting_id>/access-request/", invitations.AccessView.as_view(), name="access"),
    path("invitations/redeem/", invitations.RedeemView.as_view(), name="redeem"),
    path("manage/", include(manage)),
]

urlpatterns = [
    path("v1/", include((v1, "api"), namespace="api")),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(url_name="schema"), name="docs"),
    re_path(r"", answer_unknown_path),
]
