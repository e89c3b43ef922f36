"""The pages that are looked at rather than read: a meeting's report, its live board, and what staff keep."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from participants.admin import badges, zones
from participants.admin.access import BOARD, may, read_actor
from participants.admin.attendance import render_share
from participants.admin.wording import link_action
from participants.admin.zones import read_reader_zone
from participants.errors import RollcallError
from participants.models import Export, Meeting, Session
from participants.services import boards, exporting, meetingreports, moderation, rights, savedreports
from participants.services.boards import Board, Member
from participants.services.meetingreports import Line, Report
from participants.services.people import parse_id
from participants.services.reports import SUBJECTS, may_export, may_see

_LISTS = {"participants": "participant", "sessions": "session", "attendance": "presence", "events": "event"}
"""The admin pages of the subjects, by the names of their models."""
_SHORT = timedelta(minutes=5)
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class ReportPages:
    """Views of the admin site; ``list_urls`` goes into its own."""

    def __init__(self, site: AdminSite) -> None:
        self.site = site

    def list_urls(self) -> list[URLPattern]:
        wrap, meeting = self.site.admin_view, "participants/meeting/<uuid:pk>"
        return [
            path("reports/", wrap(self.show_kept), name="reports"),
            path("reports/<uuid:pk>/delete/", wrap(self.delete_report), name="report_delete"),
            path("reports/files/<uuid:pk>/", wrap(self.download), name="export_download"),
            path("time-zone/", wrap(self.choose_zone), name="time_zone"),
            path(f"{meeting}/report/", wrap(self.show_report), name="participants_meeting_report"),
            path(f"{meeting}/board/", wrap(self.show_board), name="participants_meeting_board"),
            path(f"{meeting}/end/", wrap(self.end_session), name="participants_meeting_end"),
            path(f"{meeting}/board.json", wrap(self.read_board), name="participants_meeting_board_json"),
        ]

    def choose_zone(self, request: HttpRequest) -> HttpResponse:
        return zones.choose(request, self.site)

    def show_kept(self, request: HttpRequest) -> HttpResponse:
        """Saved reports, and the files that were asked for."""
        reports = [
            (report, f"{link_list(report.subject)}?{report.query}", report.owner_id == request.user.pk)
            for report in savedreports.list_for(_user(request))
        ]
        files = Export.objects.filter(asked_by=_user(request)).defer("content")[:50]
        now = timezone.now()
        shown = [(file, describe_filter(file), badges.render_moment(file.created_at, now)) for file in files]
        lists = [
            (found.key.label, link_list(key)) for key, found in SUBJECTS.items() if may_see(_user(request), found)
        ]
        if not lists:
            raise PermissionDenied
        more = {
            "reports": reports,
            "files": shown,
            "lists": lists,
            "is_moving": any(file.state == "pending" for file in files),
            "may_export": any(may_export(_user(request), found) for found in SUBJECTS.values()),
        }
        return self._render(request, "admin/reports.html", "Reports", **more)

    def delete_report(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        if request.method == "POST":
            name = savedreports.delete(_user(request), pk, by=read_actor(request))
            if name is None:
                raise Http404("There is no such report of yours.")
            messages.success(request, f"“{name}” was deleted.")
        return redirect("admin:reports")

    def download(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        try:
            export = exporting.fetch(_user(request), pk, by=read_actor(request))
        except RollcallError as error:
            messages.warning(request, str(error))
            return redirect("admin:reports")
        answer = HttpResponse(bytes(export.content or b""), content_type=_XLSX)
        made = (export.finished_at or export.created_at).astimezone(read_reader_zone(request))
        answer["Content-Disposition"] = f'attachment; filename="{export.subject}-{made:%Y-%m-%d-%H%M}.xlsx"'
        answer["Cache-Control"] = "no-store"
        return answer

    def show_report(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        meeting = find_meeting(request, pk)
        sessions = list(meetingreports.list_sessions(meeting)[: meetingreports.SESSIONS_SHOWN])
        session = _choose(request, meeting, sessions)
        zone, now = read_reader_zone(request), timezone.now()
        more: dict[str, Any] = {
            "meeting": meeting,
            "sessions": sessions,
            "session": session,
            "zone": zone,
            "attendance": f"{reverse('admin:participants_presence_changelist')}?meeting={meeting.pk}",
            "may_view_participants": may(request, "view_participant", meeting),
        }
        if session is not None:
            report = meetingreports.build(session, now)
            more |= {"report": report, "rows": describe_lines(report, zone), "ticks": list_ticks(report, zone)}
            more["attendance"] = f"{reverse('admin:participants_presence_changelist')}?session={session.pk}"
            more["window"] = find_window(report)
            more["clock"] = "H:i" if report.minute_by_minute else "H:i:s"
            tiles = report.tiles
            more["average_minutes"] = round(tiles.average_seconds / 60)
            more["average_percent"] = None if tiles.average_share is None else round(100 * tiles.average_share)
        return self._render(request, "admin/participants/meeting/report.html", f"Report: {meeting.title}", **more)

    def show_board(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        meeting = find_meeting(request, pk)
        board = boards.read(meeting)
        more = {
            "meeting": meeting,
            "board": describe_board(
                board, read_reader_zone(request), meeting if may_moderate(request, meeting) else None
            ),
            "session": board.session,
            "may_moderate": may_moderate(request, meeting),
            "zone": read_reader_zone(request),
            "phase": badges.render_phase(meeting, timezone.now()),
            "may_view_participants": may(request, "view_participant", meeting),
        }
        return self._render(request, "admin/participants/meeting/board.html", f"Live board: {meeting.title}", **more)

    def read_board(self, request: HttpRequest, pk: uuid.UUID) -> JsonResponse:
        meeting = find_meeting(request, pk)
        moderated = meeting if may_moderate(request, meeting) else None
        answer = JsonResponse(describe_board(boards.read(meeting), read_reader_zone(request), moderated))
        answer["Cache-Control"] = "no-store"
        return answer

    def end_session(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Ask whether everybody is to be put out, and do so."""
        meeting = find_meeting(request, pk)
        if not may_moderate(request, meeting):
            raise PermissionDenied
        if request.method != "POST":
            board = boards.read(meeting)
            title = f"End the session of {meeting.title}?"
            return self._render(
                request, "admin/participants/meeting/end.html", title, meeting=meeting, present=board.present_count
            )
        try:
            if moderation.end(meeting, by=read_actor(request)):
                messages.success(request, "The session was ended: RealtimeKit put everybody out.")
            else:
                messages.info(request, "RealtimeKit knows of no session of this meeting, so there was none to end.")
        except RollcallError as error:
            reason = error.data.get("reason", "")
            messages.warning(request, f"RealtimeKit did not confirm that the session ended. {error} {reason}".strip())
        return redirect("admin:participants_meeting_board", meeting.pk)

    def _render(self, request: HttpRequest, template: str, title: str, **more: Any) -> HttpResponse:
        context = {**self.site.each_context(request), "title": title, **more}
        with timezone.override(read_reader_zone(request)):
            return render(request, template, context)


def find_meeting(request: HttpRequest, pk: uuid.UUID) -> Meeting:
    """The meeting whose attendance this user may see; else there is none."""
    meeting = rights.list_meetings(request.user, "view_presence").defer("raw").filter(pk=pk).first()
    if meeting is None:
        raise Http404("There is no such meeting, or you may not see who came to it.")
    return meeting


def may_moderate(request: HttpRequest, meeting: Meeting) -> bool:
    return may(request, "remove_participant", meeting)


def link_list(subject: str) -> str:
    return reverse(f"admin:participants_{_LISTS[subject]}_changelist")


def describe_filter(file: Export) -> str:
    return f"{link_list(file.subject)}?{file.query}"


def _choose(request: HttpRequest, meeting: Meeting, sessions: list[Session]) -> Session | None:
    """The session that the address names, or the newest."""
    key = parse_id(request.GET.get("session", ""))
    if key is None:
        return sessions[0] if sessions else None
    found = next((row for row in sessions if row.pk == key), None)
    found = found or Session.objects.filter(meeting=meeting, pk=key).first()
    if found is None:
        raise Http404("The meeting has no such session.")
    return found


@dataclass(frozen=True)
class Bar:
    """Per mille of the timeline's width."""

    x: int
    width: int
    label: str


@dataclass(frozen=True)
class Row:
    line: Line
    bars: list[Bar]
    share: Any

    @property
    def minutes(self) -> int:
        return round(float(self.line.presence.seconds) / 60)

    @property
    def late(self) -> int:
        return max(1, round((self.line.presence.late_seconds or 0) / 60))


@dataclass(frozen=True)
class Tick:
    percent: int
    label: str
    anchor: str


def place(report: Report, at: datetime) -> int:
    return int(1000 * ((at - report.begins) / (report.ends - report.begins)) + 0.5)


def describe_lines(report: Report, zone: ZoneInfo) -> list[Row]:
    rows = []
    for line in report.lines:
        bars = []
        for begin, end in line.spans:
            x = place(report, begin)
            label = f"{begin.astimezone(zone):%H:%M}–{end.astimezone(zone):%H:%M}"
            bars.append(Bar(x, max(4, place(report, end) - x), label))
        row = line.presence
        share = row.share_of_window if row.share_of_window is not None else row.share_of_session
        rows.append(Row(line, bars, render_share(share)))
    return rows


def list_ticks(report: Report, zone: ZoneInfo) -> list[Tick]:
    """Five moments from begin to end."""
    span = report.ends - report.begins
    moments = [report.begins + span * n / 4 for n in range(5)]
    anchors = ("start", "middle", "middle", "middle", "end")
    shape = "%H:%M:%S" if span < _SHORT else "%H:%M"  # or neighbours would read the same
    return [Tick(25 * n, f"{moment.astimezone(zone):{shape}}", anchors[n]) for n, moment in enumerate(moments)]


def find_window(report: Report) -> tuple[int, int] | None:
    """The scheduled window on the timeline, where it is known and in sight."""
    session = report.session
    if session.opens_at is None or session.closes_at is None:
        return None
    begin, end = max(session.opens_at, report.begins), min(session.closes_at, report.ends)
    if begin >= end:
        return None
    x = place(report, begin)
    return x, place(report, end) - x


def describe_board(board: Board, zone: ZoneInfo, moderated: Meeting | None = None) -> dict[str, Any]:
    """As the page shows it and as its script reads it. ``moderated`` by the reader: who is inside can be put out."""
    session = board.session
    columns = (
        ("present", "Present", board.present, board.present_count),
        ("left", "Left", board.left, board.left_count),
        ("missing", "Not here yet", board.missing, board.missing_count),
    )
    now = timezone.now()
    return {
        "live": session is not None,
        "began": f"{session.started_at.astimezone(zone):%H:%M}" if session and session.started_at else "",
        "as_of": f"{now.astimezone(zone):%H:%M:%S}",
        "columns": [
            {
                "name": name,
                "label": label,
                "count": count,
                "more": count - len(members),
                "members": [
                    _describe_member(member, zone, moderated if name == "present" else None) for member in members
                ],
            }
            for name, label, members, count in columns
        ],
    }


def _describe_member(member: Member, zone: ZoneInfo, moderated: Meeting | None) -> dict[str, str]:
    since = f"{member.since.astimezone(zone):%H:%M}" if member.since else ""
    kick = f"{link_action('kick', member.participant_id)}?{BOARD}={moderated.pk}" if moderated else ""
    return {"id": str(member.participant_id), "name": member.name or "Unnamed person", "since": since, "kick": kick}


def _user(request: HttpRequest) -> Any:
    return request.user
