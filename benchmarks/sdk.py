"""What is written without Rollcall: a view that asks RealtimeKit for a token at each join, by the official SDK."""

from functools import cache
from typing import Any

from cloudflare import Cloudflare
from django.conf import settings
from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.floor import say_alive
from participants.models import Meeting, Participant


@cache
def get_client() -> Cloudflare:
    """One for the process, as the SDK's own documentation has it: its connections are kept."""
    return Cloudflare(api_token=settings.REALTIMEKIT_API_TOKEN, base_url=settings.REALTIMEKIT_BASE_URL)


class SdkJoinView(APIView):
    permission_classes = [IsAuthenticated]

    def post(self, request: Request, meeting_id: str) -> Response:
        where: dict[str, Any] = {
            "account_id": settings.REALTIMEKIT_ACCOUNT_ID,
            "app_id": settings.REALTIMEKIT_APP_ID,
        }
        kit = get_client().realtime_kit.meetings
        rows = Participant.objects.filter(meeting_id=meeting_id, person__user=request.user.pk)
        known = rows.values_list("realtimekit_id", "meeting__realtimekit_id").first()
        if known is not None:
            one, room = (str(part) for part in known)
            token = kit.refresh_participant_token(one, **where, meeting_id=room).data.token
        else:
            room = str(Meeting.objects.values_list("realtimekit_id", flat=True).get(pk=meeting_id))
            made = kit.add_participant(
                room,
                **where,
                custom_participant_id=f"user-{request.user.pk}",
                preset_name="group_call_participant",
                name=request.user.get_username(),
            ).data
            assert made is not None
            token = made.token
        return Response({"token": token, "meeting": meeting_id})


urlpatterns = [path("sdk/<uuid:meeting_id>/", SdkJoinView.as_view()), path("sdk/alive/", say_alive)]
