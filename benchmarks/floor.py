"""The floors: for a join, a DRF view that authenticates a session and reads one row; for a delivery, a view that
checks a signature and inserts one row."""

import base64
import hashlib
import json
from functools import cache

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from participants.models import Delivery, Meeting


class FloorView(APIView):
    permission_classes = [IsAuthenticated]

    def post(self, request: Request, meeting_id: str) -> Response:
        meeting = Meeting.objects.filter(pk=meeting_id).values("id", "title", "status").first()
        # As long as a join's answer, which carries a token.
        return Response({"meeting": meeting, "filling": "x" * 900})


@cache
def read_key() -> RSAPublicKey:
    key = load_pem_public_key(settings.REALTIMEKIT_WEBHOOK_PUBLIC_KEY.replace("\\n", "\n").encode())
    assert isinstance(key, RSAPublicKey)
    return key


@csrf_exempt
def receive(request: HttpRequest) -> HttpResponse:
    """Nothing but what cannot be left out; a forged delivery is an exception."""
    raw = request.body
    read_key().verify(base64.b64decode(request.headers["rtk-signature"]), raw, PKCS1v15(), SHA256())
    Delivery.objects.create(
        body_hash=hashlib.sha256(raw).hexdigest(),
        rtk_uuid=request.headers["rtk-uuid"],
        body=json.loads(raw),
        headers={},
        received_at=timezone.now(),
    )
    return HttpResponse("stored\n", content_type="text/plain")


def say_alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("alive\n", content_type="text/plain")


urlpatterns = [
    path("floor/<uuid:meeting_id>/", FloorView.as_view()),
    path("floor/delivery/", receive),
    path("floor/alive/", say_alive),
]
