"""Light studies, killed at random moments in this process's children, and resumed: nothing lost, nothing twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.chaos.moments import Chosen
from support.chaos.studies import AUTO, BUDGET, COMMAND, JOURNAL, PAUSES, ROUNDS, WALKER
from support.chaos.torment import torment

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("kind", "kills"),
    [(WALKER, 26), (ROUNDS, 18), (BUDGET, 15), (PAUSES, 20), (AUTO, 12), (JOURNAL, 10), (COMMAND, 10)],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_study_that_is_killed_again_and_again_comes_out_as_an_undisturbed_one(cli, kind, kills):
    toll = torment(cli, kind, kills=kills)
    assert toll.mismatches == []
    assert toll.kills.total() == kills


def test_a_study_in_postgresql_is_killed_again_and_again(cli, postgres):
    toll = torment(cli, replace(WALKER, name="postgresql", storage=postgres.new_database()), kills=12)
    assert toll.mismatches == []
    assert toll.kills.total() == 12


@pytest.mark.parametrize(("fault", "seen"), [("Forgetful", "was trained again, and"), ("Careless", "instead of")])
def test_the_tormentor_sees_what_is_lost(cli, fault, seen):
    raw = {**WALKER.raw, "objective": {**WALKER.raw["objective"], "python": f"chaos_objectives:{fault}"}}
    toll = torment(cli, replace(WALKER, raw=raw), kills=1, chosen=Chosen(("trials", 0, 4)))
    assert toll.kills.total() == 1
    assert seen in "\n".join(toll.mismatches)
