"""Lists that staff ask questions of: filter form, bounded count, totals, saved reports, downloads."""

from typing import Any, ClassVar, TypeVar

from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.functional import cached_property

from participants.admin.access import may, read_actor
from participants.admin.mixins import ReadOnly
from participants.admin.questions import (
    IGNORED,
    TOTALS,
    QuestionsFilter,
    group_inputs,
    list_inputs,
    list_periods,
    read_asked,
)
from participants.admin.zones import read_reader_zone
from participants.errors import RollcallError
from participants.services import exporting, reportfiles, reports, savedreports
from participants.services.reports import Asked, Subject

M = TypeVar("M", bound=Model)


class BoundedPaginator(Paginator[Any]):
    """Counts exactly up to ``reports.COUNTED`` and looks at no more rows than that."""

    @cached_property
    def counted(self) -> tuple[int, bool]:
        assert isinstance(self.object_list, QuerySet)
        return reports.count(self.object_list)

    @cached_property
    def count(self) -> int:
        return self.counted[0]

    @property
    def count_text(self) -> str:
        number, more = self.counted
        return f"more than {number:,}" if more else f"{number:,}"


class ReportChangeList(ChangeList):
    """Carries the questions asked to the template."""

    @property
    def asked(self) -> Asked:
        found = next(spec for spec in self.filter_specs if isinstance(spec, QuestionsFilter))
        return found.asked

    def link_without(self, name: str) -> str:
        question = self.asked.subject.find_question(name)
        names = (name, *question.aliases) if question else (name,)
        return str(self.get_query_string(dict.fromkeys((*names, TOTALS))))

    def link_on(self, period: str) -> str:
        return str(self.get_query_string({"on": period or None, TOTALS: None}))


class ReportList(ReadOnly[M]):
    """``subject`` says which rows there are and what can be asked of them."""

    subject: ClassVar[Subject]
    change_list_template = "admin/participants/report_list.html"
    list_filter = (QuestionsFilter,)
    paginator = BoundedPaginator
    list_max_show_all = 0
    has_periods = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ReportChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        return reports.search(queryset, self.subject, search_term), False

    def get_urls(self) -> list[URLPattern]:
        wrap, name = self.admin_site.admin_view, f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path("export.csv", wrap(self.csv_view), name=f"{name}_csv"),
            path("export/", wrap(self.export_view), name=f"{name}_export"),
            path("save/", wrap(self.save_view), name=f"{name}_save"),
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "GET" and (tidy := _tidy(request)) is not None:
            return redirect(f"{request.path}?{tidy}" if tidy else request.path)
        zone = read_reader_zone(request)
        answer: Any
        with timezone.override(zone):
            answer = super().changelist_view(request, {"zone": zone, **(extra_context or {})})
            if hasattr(answer, "render") and "cl" in (answer.context_data or {}):
                answer.context_data.update(self._describe(request, answer.context_data["cl"]))
                answer.render()  # while the zone is the reader's
        assert isinstance(answer, HttpResponse)
        return answer

    def csv_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        asked = self._read_for_export(request)
        if asked.errors or asked.unknown:
            return HttpResponseBadRequest("This filter can't be read, so there is nothing to download.")
        pieces = reportfiles.stream_csv(self.subject, _user(request), asked, by=read_actor(request))
        answer = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
        now = timezone.now().astimezone(asked.zone)
        name = f"{self.subject.key.value}-{now:%Y-%m-%d-%H%M}.csv"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        answer["Cache-Control"] = "no-store"
        return answer

    def export_view(self, request: HttpRequest) -> HttpResponse:
        asked = self._read_for_export(request)
        back = f"{self.link('changelist')}?{request.GET.urlencode()}"
        if request.method != "POST":
            return redirect(back)
        try:
            exporting.ask(_user(request), asked, by=read_actor(request))
        except RollcallError as error:
            self.say(request, str(error), good=False)
            return redirect(back)
        return redirect("admin:reports")

    def save_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = read_asked(request, self.subject)
        if request.method == "POST":
            name, shared = request.POST.get("name", ""), "shared" in request.POST
            try:
                report = savedreports.save(_user(request), asked, name=name, shared=shared, by=read_actor(request))
            except RollcallError as error:
                self.say(request, str(error), good=False)
            else:
                self.say(request, f"Saved as “{report.name}”. It is on this page, and under Reports.", good=True)
        return redirect(f"{self.link('changelist')}?{request.GET.urlencode()}")

    def may_export(self, request: HttpRequest) -> bool:
        return reports.may_export(_user(request), self.subject)

    def _read_for_export(self, request: HttpRequest) -> Asked:
        if not self.has_view_permission(request) or not self.may_export(request):
            raise PermissionDenied
        return read_asked(request, self.subject)

    def _describe(self, request: HttpRequest, cl: ReportChangeList) -> dict[str, Any]:
        """What the template needs beside Django's own."""
        asked = cl.asked
        inputs = list_inputs(request, asked)
        totals = reports.total(self.subject, cl.queryset) if TOTALS in request.GET and cl.result_count else None
        periods = list_periods(asked) if self.has_periods else None
        saved = list(savedreports.list_for(_user(request), self.subject.key.value)[:20])
        return {
            "asked": asked,
            "groups": group_inputs(inputs),
            "chips": [(one, cl.link_without(one.question.name)) for one in inputs if one.text],
            "kept": [(name, request.GET[name]) for name in ("q", "o") if request.GET.get(name)]
            + [(one.question.name, one.text) for one in inputs if one.question.hidden and one.text],
            "totals": totals,
            "totals_link": cl.get_query_string({TOTALS: "1"}),
            "count_text": cl.paginator.count_text,
            "periods": periods,
            "back": (cl.link_on(periods.back.text), periods.back.label) if periods and periods.back else None,
            "steps": [(cl.link_on(step.text), step.label) for step in periods.steps] if periods else [],
            "saved": saved,
            "current_saved": next((one for one in saved if one.query == asked.query and asked.query), None),
            "may_export": self.may_export(request) and not asked.unknown and not asked.errors,
            "export_query": asked.query,
            "shows_meeting": may(request, "view_meeting"),
        }


def _user(request: HttpRequest) -> Any:
    return request.user


def _tidy(request: HttpRequest) -> str | None:
    """The query string without fields that were left empty; None where there are none."""
    params = request.GET.copy()
    empty = [name for name, text in params.items() if not str(text).strip() and name not in IGNORED]
    for name in empty:
        del params[name]
    return str(params.urlencode()) if empty else None
