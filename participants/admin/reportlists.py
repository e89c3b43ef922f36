"""Lists that staff ask questions of: filter form, bounded count, totals, saved reports, downloads."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, TypeVar

from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.shortcuts import redirect, render
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
from participants.errors import RollcallError, TooSlow
from participants.services import attendancefilters, exporting, paging, reportfiles, reports, savedreports, wordsearch
from participants.services.bounding import PAGE_SECONDS, bounded
from participants.services.reports import Asked, Subject

M = TypeVar("M", bound=Model)


class BoundedPaginator(Paginator[Any]):
    """Counts exactly up to ``reports.COUNTED`` and looks at no more rows than that.

    A page is found by its keys, which stand in the indexes, and only then read with all that belongs to it.
    """

    sample: QuerySet[Any] | None = None
    walked: QuerySet[Any] | None = None
    walk_counted: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None
    count_quickly: Callable[[], int | None] = staticmethod(lambda: None)
    sorted: int = reports.COUNTED
    dress: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None

    @cached_property
    def known(self) -> int | None:
        return self.count_quickly()

    @cached_property
    def counted(self) -> tuple[int, bool]:
        assert isinstance(self.object_list, QuerySet)
        if self.known is not None:
            return min(self.known, reports.COUNTED), self.known > reports.COUNTED
        return reports.count(self.object_list, sample=self.sample)

    def page(self, number: Any) -> Page[Any]:
        number = self.validate_number(number)
        begin = (number - 1) * self.per_page
        rows = self.object_list
        assert isinstance(rows, QuerySet)
        few, is_many = not self.counted[1], self.count > attendancefilters.FEW
        if self.walked is not None and is_many:
            rows, few = self.walked.order_by(*rows.query.order_by), False
        elif self.known is not None and self.walk_counted is not None and is_many:
            rows, few = self.walk_counted(rows) if few else rows, False
        elif self.known is None and self.sorted > reports.COUNTED:
            few = paging.estimate(rows) <= self.sorted or few
        keys = paging.find_keys(rows, begin, begin + self.per_page, few=few)
        found = rows.model._default_manager.filter(pk__in=keys).order_by()
        by_key = {row.pk: row for row in (self.dress(found) if self.dress else found)}
        return Page([by_key[key] for key in keys if key in by_key], number, self)

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

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.multi_page:  # then Django leaves the paginator aside
            self.result_list = self.paginator.page(1).object_list

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """By the column chosen and then as the list usually is, all in one direction, as the indexes are."""
        subject: Subject = self.model_admin.subject  # type: ignore[attr-defined]  # only of report lists
        usual = subject.order
        chosen = super().get_ordering(request, queryset)
        last: set[str] = {name.lstrip("-") for name in usual}
        own = [part for part in chosen if not isinstance(part, str) or part.lstrip("-") not in last]
        backwards = _is_backwards(chosen[0]) if chosen else True
        return [*own, *(name if backwards else name.lstrip("-") for name in usual)]

    def link_without(self, name: str) -> str:
        question = self.asked.subject.find_question(name)
        names = (name, *question.aliases) if question else (name,)
        return str(self.get_query_string(dict.fromkeys((*names, TOTALS))))

    def link_on(self, period: str) -> str:
        return str(self.get_query_string({"on": period or None, TOTALS: None}))


def _is_backwards(part: Any) -> bool:
    return part.startswith("-") if isinstance(part, str) else bool(getattr(part, "descending", False))


class ReportList(ReadOnly[M]):
    """``subject`` says which rows there are and what can be asked of them."""

    subject: ClassVar[Subject]
    change_list_template = "admin/participants/report_list.html"
    list_filter = (QuestionsFilter,)
    paginator = BoundedPaginator
    list_max_show_all = 0
    has_periods = has_totals = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ReportChangeList

    def dress(self, request: HttpRequest, rows: QuerySet[M]) -> QuerySet[M]:
        """With all that the list shows of them: here nothing but their own columns."""
        return rows

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        return self.dress(request, self.subject.list_rows(_user(request))).order_by(*self.subject.order)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        found = wordsearch.search(queryset, self.subject.key, search_term)
        request.rollcall_sample = found.sample  # type: ignore[attr-defined]  # of this request's one list
        return found.rows, False

    def get_paginator(
        self,
        request: HttpRequest,
        queryset: QuerySet[M],
        per_page: int,
        orphans: int = 0,
        allow_empty_first_page: bool = True,
    ) -> Paginator[Any]:
        if queryset.model is not self.model:  # Django pages a row's history by this as well
            return Paginator(queryset, per_page, orphans, allow_empty_first_page)
        paginator = BoundedPaginator(queryset, per_page, orphans, allow_empty_first_page)
        paginator.sample = getattr(request, "rollcall_sample", None)
        if paginator.sample is None:
            asked = read_asked(request, self.subject)
            paginator.sample = reports.find_sample(self.subject, _user(request), asked)
            paginator.walked = reports.find_walked(self.subject, _user(request), asked)
            paginator.count_quickly = partial(reports.count_quickly, self.subject, _user(request), asked)
            if self.subject.walk is not None:
                paginator.walk_counted = partial(_walk, self.subject, _user(request), asked)
        paginator.sorted = self.subject.sorted
        paginator.dress = partial(self.dress, request)
        return paginator

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
            if request.method != "GET":
                answer = super().changelist_view(request, {"zone": zone, **(extra_context or {})})
            else:
                try:
                    with bounded(PAGE_SECONDS, paged=True):
                        answer = self._show(request, {"zone": zone, **(extra_context or {})})
                except TooSlow as error:
                    title = str(self.opts.verbose_name_plural).capitalize()
                    context = self.give_context(request, title, trouble=error, again=request.GET.urlencode())
                    answer = render(request, "admin/participants/too_slow.html", context, status=422)
        assert isinstance(answer, HttpResponse)
        return answer

    def _show(self, request: HttpRequest, context: dict[str, Any]) -> Any:
        answer: Any = super().changelist_view(request, context)
        if hasattr(answer, "render") and "cl" in (answer.context_data or {}):
            answer.context_data.update(self._describe(request, answer.context_data["cl"]))
            answer.render()  # while the zone is the reader's
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
        totals, too_slow = None, ""
        if self.has_totals and TOTALS in request.GET and cl.result_count:
            try:
                totals = reports.total(self.subject, cl.queryset)
            except TooSlow as error:
                too_slow = str(error)
        periods = list_periods(asked) if self.has_periods else None
        saved = list(savedreports.list_for(_user(request), self.subject.key.value)[:20])
        return {
            "asked": asked,
            "groups": group_inputs(inputs),
            "chips": [(one, cl.link_without(one.question.name)) for one in inputs if one.text],
            "kept": [(name, request.GET[name]) for name in ("q", "o") if request.GET.get(name)]
            + [(one.question.name, one.text) for one in inputs if one.question.hidden and one.text],
            "totals": totals,
            "totals_too_slow": too_slow,
            "has_totals": self.has_totals,
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


def _walk(subject: Subject, user: Any, asked: Asked, rows: QuerySet[Any]) -> QuerySet[Any]:
    assert subject.walk is not None
    return subject.walk(subject.list_rows(user), asked.answers).order_by(*rows.query.order_by)


def _user(request: HttpRequest) -> Any:
    return request.user


def _tidy(request: HttpRequest) -> str | None:
    """The query string without fields that were left empty; None where there are none."""
    params = request.GET.copy()
    empty = [name for name, text in params.items() if not str(text).strip() and name not in IGNORED]
    for name in empty:
        del params[name]
    return str(params.urlencode()) if empty else None
