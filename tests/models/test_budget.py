"""The shared row, with moments given by the test: what it lets through, and when."""

from collections.abc import Iterator

import pytest

from participants.models import Budget
from participants.models.budget import FAILURES_TO_OPEN, LONGEST_PAUSE, PROBE_EVERY, Ledger, Limits

pytestmark = pytest.mark.django_db

START = 1_800_000_000.0
LIMITS = Limits(3000, 300.0)


def at(seconds: float, limits: Limits = LIMITS) -> Ledger:
    return Ledger(limits, now=START + seconds)


def drain(ledger: Ledger, *, background: bool = False) -> int:
    """How many calls are let through at that moment."""
    count = 0
    while ledger.take(background=background) is not None:
        count += 1
    return count


def test_the_row_is_made_when_it_is_first_needed_and_there_is_one() -> None:
    assert not Budget.objects.exists()
    assert at(0).read().used == 0
    assert at(0).take(background=False) == 0
    assert at(1).take(background=False) == 0
    assert Budget.objects.count() == 1


def test_a_burst_is_four_percent_of_the_budget() -> None:
    assert drain(at(0)) == 120
    assert drain(at(0.1)) == 0
    assert drain(at(0.11)) == 1


def test_background_work_leaves_half_of_the_burst_to_those_who_wait() -> None:
    assert drain(at(0), background=True) == 60
    assert drain(at(0)) == 60


def test_after_the_reserve_was_used_the_next_calls_are_for_those_who_wait_too() -> None:
    drain(at(0), background=True)
    drain(at(0))
    assert drain(at(1), background=True) == 0
    assert drain(at(1)) == 9
    assert drain(at(8), background=True) == 6


def hammer(limits: Limits, *, background: bool) -> Iterator[float]:
    """The moments of all calls that are let through in three windows to somebody who never stops asking."""
    for step in range(301):
        moment = step * limits.seconds / 100
        yield from [moment] * drain(at(moment, limits), background=background)


def find_busiest(moments: list[float], window: float) -> int:
    return max(sum(start <= moment < start + window for moment in moments) for start in moments)


@pytest.mark.parametrize("limits", [Limits(400, 10.0), Limits(100, 60.0)], ids=str)
def test_no_window_holds_more_than_the_budget_and_the_last_one_is_well_used(limits: Limits) -> None:
    moments = list(hammer(limits, background=False))
    assert find_busiest(moments, limits.seconds) <= limits.calls
    last = [moment for moment in moments if moment > 2 * limits.seconds]
    assert len(last) >= 0.93 * limits.calls


@pytest.mark.parametrize("limits", [Limits(400, 10.0), Limits(200, 60.0)], ids=str)
def test_background_work_alone_uses_what_it_may_and_no_more(limits: Limits) -> None:
    moments = list(hammer(limits, background=True))
    assert find_busiest(moments, limits.seconds) <= 0.96 * limits.calls
    assert len([moment for moment in moments if moment > 2 * limits.seconds]) >= 0.95 * 0.96 * limits.calls


@pytest.mark.parametrize("calls", [10, 11, 50, 62, 63, 64, 600, 3000, 100_000])
def test_burst_and_rate_together_stay_under_any_budget(calls: int) -> None:
    limits = Limits(calls, 10.0)
    assert limits.burst + limits.seconds / limits.cost <= calls
    background = limits.find_room(background=True) / limits.cost
    assert 1 < background < limits.burst


def test_a_refusal_says_how_long_to_wait() -> None:
    drain(at(0))
    code, wait = at(0).find_hold(background=False)
    assert code == "budget_exhausted"
    assert wait == pytest.approx(LIMITS.cost, rel=0.01)
    _, longer = at(0).find_hold(background=True)
    assert at(longer - 0.001).take(background=True) is None
    assert at(longer + 0.001).take(background=True) == 0


def test_a_pause_holds_for_everybody_until_it_is_over() -> None:
    at(0).take(background=False)
    at(0).pause(20)
    for background in (False, True):
        assert at(19.9).take(background=background) is None
        code, wait = at(15).find_hold(background=background)
        assert code == "paused"
        assert wait == pytest.approx(5)
    assert at(20.1).take(background=False) == 0


def test_a_shorter_pause_does_not_end_a_longer_one_and_none_lasts_for_ever() -> None:
    at(0).take(background=False)
    at(0).pause(100)
    at(1).pause(5)
    assert at(1).find_hold(background=False)[1] == pytest.approx(99)
    at(2).pause(86_400)
    assert at(2).find_hold(background=False)[1] == pytest.approx(LONGEST_PAUSE)


def test_a_pause_of_unknown_length_doubles_while_it_does_not_help() -> None:
    at(0).take(background=False)
    lengths, moment = [], 0.0
    for _ in range(7):
        at(moment).pause(None)
        at(moment).pause(None)  # a second call that was under way
        lengths.append(at(moment).read().pause_left)
        moment += lengths[-1] + 1
    assert lengths == pytest.approx([1, 2, 4, 8, 16, 30, 30])
    at(moment + 100).pause(None)
    assert at(moment + 100).read().pause_left == pytest.approx(1)


def break_down(seconds: float) -> None:
    at(seconds).take(background=False)
    for _ in range(FAILURES_TO_OPEN):
        at(seconds).note_failure()


def test_the_breaker_opens_after_failures_in_a_row_only() -> None:
    at(0).take(background=False)
    for _ in range(3):
        for _ in range(FAILURES_TO_OPEN - 1):
            at(0).note_failure()
        assert at(0).read().breaker == "closed"
        at(0).note_success()
    break_down(1)
    assert at(1).read().breaker == "open"
    assert at(1).take(background=False) is None
    code, wait = at(1).find_hold(background=False)
    assert code == "breaker_open"
    assert wait == pytest.approx(PROBE_EVERY)


def test_one_probe_is_let_through_at_a_time() -> None:
    break_down(0)
    due = PROBE_EVERY + 0.1
    assert at(due).read().breaker == "half_open"
    probes = [at(due).take(background=background) for background in (True, False, False)]
    assert probes == [FAILURES_TO_OPEN, None, None]
    at(due + 0.1).note_failure()
    assert at(due + 1).take(background=False) is None
    assert at(due * 2).take(background=False) == FAILURES_TO_OPEN + 1


def test_a_probe_that_was_killed_is_replaced() -> None:
    break_down(0)
    assert at(4).take(background=False) is not None
    assert at(4 + PROBE_EVERY + 0.1).take(background=False) is not None


def test_an_answered_probe_closes_the_breaker_for_everybody() -> None:
    break_down(0)
    at(4).take(background=False)
    at(4.2).note_success()
    assert at(4.2).read().breaker == "closed"
    assert drain(at(4.2), background=True) > 50


def test_calls_that_fail_late_keep_the_breaker_open_no_longer() -> None:
    break_down(0)
    at(2.9).note_failure()
    assert PROBE_EVERY <= 5
    assert at(PROBE_EVERY + 0.1).take(background=False) is not None


def test_somebody_who_wants_to_know_passes_the_breaker_but_not_a_pause() -> None:
    break_down(0)
    assert at(1).take(background=False, past_breaker=True) == FAILURES_TO_OPEN
    at(1).pause(10)
    assert at(2).take(background=False, past_breaker=True) is None
    assert at(2).find_hold(background=False, past_breaker=True)[0] == "paused"


def test_a_clock_set_back_holds_nobody_for_longer_than_an_empty_bucket_would() -> None:
    drain(at(7200))
    at(7200).pause(200)
    break_down(7500)
    assert at(0).take(background=False) is None
    assert at(0).find_hold(background=False)[1] < 1
    assert at(1).take(background=False, past_breaker=True) is not None
    at(1).note_success()
    assert drain(at(13), background=False) > 100


def test_a_larger_budget_takes_effect_at_once() -> None:
    tiny = Limits(10, 3000.0)
    drain(at(0, tiny))
    assert at(0).find_hold(background=False)[1] < 1


def test_what_was_used_slides_out_of_the_window() -> None:
    drain(at(0))
    assert at(1).read().used == 120
    for moment in (100, 200, 250):
        at(moment).take(background=False)
    assert at(299).read().used == 123
    assert 55 <= at(450).read().used <= 65
    at(450).take(background=False)
    assert 55 <= at(450).read().used <= 65
    assert at(901).read().used == 0


def test_the_state_names_what_is_there_for_whom() -> None:
    drain(at(0), background=True)
    state = at(0).read()
    assert (state.available, state.available_to_background, state.reserved) == (60, 0, 60)
    assert (state.paused_until, state.probe_at, state.breaker) == (None, None, "closed")


def test_the_databases_own_clock_is_the_default() -> None:
    ledger = Ledger(Limits(10, 3600.0))
    assert drain(ledger) == 2
    assert 0 < ledger.find_hold(background=False)[1] < 3600
