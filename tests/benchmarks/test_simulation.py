"""The simulation of many people keeps to the product's rules, at a size at which every call can be looked at."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
import time_machine

from benchmarks.simulation.bucket import Bucket
from benchmarks.simulation.plan import DAY, HOUR, WEEK, Plan, Trouble
from benchmarks.simulation.run import Report, Simulation, simulate
from benchmarks.simulation.scenarios import carries
from benchmarks.simulation.tokens import Tokens
from participants.models import Participant
from participants.models.budget import FAILURES_TO_OPEN, LONGEST_PAUSE, PROBE_EVERY, Ledger, Limits
from participants.services import renewal
from tests.factories import EnrolledFactory

SMALL = Plan(people=3_000, size=30, weeks=3, budget=(60, 300.0), lost=20_000.0, leaving=0.02)
TROUBLES = (Trouble("outage", 9 * HOUR, 5 * HOUR), Trouble("429", 2 * DAY, 200.0), Trouble("outage", WEEK, HOUR))


@pytest.fixture(scope="module")
def troubled() -> tuple[Simulation, Report]:
    simulation = Simulation(replace(SMALL, troubles=TROUBLES))
    return simulation, simulation.run()


def test_no_window_holds_more_calls_than_the_budget() -> None:
    simulation = Simulation(replace(SMALL, weeks=0.2, step=1.0, people=20_000))
    report = simulation.run()
    calls, seconds = SMALL.budget
    made = simulation.bucket._made
    assert len({int(moment // seconds) for moment, _ in made}) > 100
    assert calls * 0.9 < report.most_in_a_window <= calls


def test_everybody_is_enrolled_exactly_once_whatever_goes_wrong(troubled: tuple[Simulation, Report]) -> None:
    simulation, report = troubled
    assert report.enrolled_at is not None
    assert report.failed > 0
    in_doubt = simulation._doubts
    assert report.enrolled + in_doubt + report.waiting == report.wanted == SMALL.people
    assert report.remote == report.enrolled + in_doubt + simulation._removing
    assert simulation.tokens.count == report.enrolled


def test_lost_answers_are_asked_about_and_add_nobody_twice(troubled: tuple[Simulation, Report]) -> None:
    _, report = troubled
    assert report.calls["doubts"] > 10


def test_the_same_seed_tells_the_same_story(troubled: tuple[Simulation, Report]) -> None:
    _, report = troubled
    plan = replace(SMALL, troubles=TROUBLES)
    assert simulate(plan) == report
    assert simulate(replace(plan, seed=2)).calls != report.calls


@pytest.mark.django_db
@pytest.mark.parametrize("budget", [(3000, 300.0), (600, 10.0), (60, 300.0), (10, 1.0)])
def test_the_bucket_admits_what_the_row_in_the_database_admits(budget: tuple[int, float]) -> None:
    limits, random = Limits(*budget), Random(7)
    bucket, now = Bucket(limits), 1_800_000_000.0
    bucket.full_at = now
    admitted = 0
    for _ in range(400):
        now += random.choice((0.0, 0.0, 0.01, 0.3, 2.0)) * limits.cost
        is_background = random.random() < 0.7
        by_row = Ledger(limits, now=now).take(background=is_background) is not None
        by_bucket = bucket.take(1, now, now, background=is_background) == 1
        assert by_bucket is by_row
        admitted += by_row
    assert 10 < admitted < 390


def test_the_sum_of_a_stretch_is_the_sum_of_its_calls() -> None:
    limits = Limits(600, 10.0)
    at_once, by_call = Bucket(limits), Bucket(limits)
    moments = [number * 0.001 for number in range(2_001)]
    one_by_one = sum(by_call.take(1, moment, moment, background=True) for moment in moments for _ in range(20))
    assert at_once.take(1_000, 0.0, 2.0, background=True) == one_by_one
    assert at_once.full_at == pytest.approx(by_call.full_at, abs=limits.cost)


def test_people_at_the_door_find_the_reserve_that_background_work_leaves() -> None:
    bucket = Bucket(Limits(3000, 300.0))
    bucket.take(10_000, 0.0, 600.0, background=True)
    assert bucket.take(10_000, 600.0, 600.0, background=True) == 0
    assert bucket.take(10_000, 600.0, 600.0, background=False) == int(bucket.limits.reserve)


def test_a_429_pauses_everybody_for_five_minutes_at_most() -> None:
    bucket = Bucket(Limits(3000, 300.0))
    bucket.pause(4 * HOUR, 0.0)
    assert bucket.take(10, 0.0, LONGEST_PAUSE - 1, background=False) == 0
    assert bucket.take(10, 0.0, LONGEST_PAUSE + 1, background=False) == 10


def test_an_outage_costs_ten_calls_and_then_a_probe_every_few_seconds() -> None:
    bucket = Bucket(Limits(3000, 300.0))
    assert bucket.fail(1_000, 0.0, 60.0) == FAILURES_TO_OPEN + 60.0 / PROBE_EVERY
    assert bucket.fail(1_000, 60.0, 120.0) == 60.0 / PROBE_EVERY


@pytest.mark.django_db
@pytest.mark.parametrize("lifetime", [timedelta(days=100), timedelta(days=30), timedelta(days=7), timedelta(days=1)])
def test_tokens_are_renewed_at_the_age_at_which_the_product_finds_them(lifetime: timedelta) -> None:
    issued = datetime(2027, 1, 4, tzinfo=UTC)
    row: Participant = EnrolledFactory(token="t", token_issued_at=issued, token_expires_at=issued + lifetime)
    due_at = issued + timedelta(seconds=Plan(lifetime=lifetime).renewed_after)
    for moment, found in ((due_at - timedelta(minutes=1), []), (due_at + timedelta(minutes=1), [row.pk])):
        with time_machine.travel(moment, tick=False):
            assert renewal.find_due(moment, limit=5, due_only=True) == found


def test_runs_of_tokens_grow_old_together_and_lose_nobody() -> None:
    tokens = Tokens(fresh_for=100.0, usable_for=150.0)
    for moment, count in ((0.0, 5), (1_000.0, 7)):
        tokens.issue(count, moment)
    tokens.age(1_001.0)
    assert (tokens.count_fresh, tokens.count_stale, tokens.expired) == (7, 0, 5)
    tokens.age(1_120.0)
    assert (tokens.count_fresh, tokens.count_stale, tokens.expired) == (0, 7, 5)
    assert tokens.take_oldest(8) == 8
    assert (tokens.count_stale, tokens.expired) == (4, 0)
    assert tokens.take_oldest(9) == 4
    assert tokens.count == 0


def test_too_many_people_are_found_to_be_too_many() -> None:
    standing = replace(SMALL, people=2_000, weeks=20, leaving=0.0)
    assert carries(simulate(standing))
    assert not carries(simulate(replace(standing, lifetime=timedelta(days=2), people=40_000)))
