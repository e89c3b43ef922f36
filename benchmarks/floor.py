"""The floor a join is measured against: a DRF view that authenticates a session and reads one row."""

from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from participants.models import Meeting


class FloorView(APIView):
    permission_classes = [IsAuthenticated]

    def post(self, request: Request, meeting_id: str) -> Response:
        meeting = Meeting.objects.filter(pk=meeting_id).values("id", "title", "status").first()
        # As long as a join's answer, which carries a token.
        return Response({"meeting": meeting, "filling": "x" * 900})


urlpatterns = [path("floor/<uuid:meeting_id>/", FloorView.as_view())]
