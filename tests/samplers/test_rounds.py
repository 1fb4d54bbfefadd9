"""Which rounds a search has, and what each of them samples: pure functions of the space file and of what has ended."""

import itertools
import json
import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.config.config import Search
from hpsearch.errors import SpaceUsedUpError
from hpsearch.objectives.space_files import parse_config
from hpsearch.samplers import Past, best_of_past, make_sampler
from hpsearch.samplers.edges import Edge, crowded_edges
from hpsearch.samplers.rounds import (
    Round,
    expansion,
    explored,
    first_round,
    fitted,
    planned_epochs,
    planned_rounds,
    round_of,
    zoom,
)
from hpsearch.space.distributions import Range
from hpsearch.trial.trial import Direction
from support import strategies
from support.factories import sample_raw

RAW = {
    "lr": {"loguniform": [1e-4, 1.0]},
    "wd": {"uniform": [0.0, 0.8]},
    "width": {"qrandint": [16, 128, 16]},
    "act": {"choice": ["relu", "gelu"]},
}
THREE = [{"trials": 6, "epochs": 2}, {"trials": 4, "epochs": 4}, {"trials": 3}]


def made(raw=RAW, constraints=(), **search):
    content = sample_raw() | {"space": raw, "constraints": list(constraints), "search": search}
    return parse_config(content)


def edge(name, side, inner, bound, proposed):
    held = "its limits end there" if bound == proposed else ""
    return Edge(name=name, side=side, bound=bound, near=5, best=7, inner=inner, proposed=proposed, held_by=held)


def tried(*rows):
    """Trials of the study above: lr, wd, width, value."""
    return [Past(params={"lr": lr, "wd": wd, "width": w, "act": "relu"}, value=value) for lr, wd, w, value in rows]


# Planned rounds


@pytest.mark.parametrize(
    ("search", "trials"),
    [
        ({}, [48]),
        ({"trials": 5}, [5]),
        ({"rounds": THREE}, [6, 4, 3]),
        ({"rounds": THREE, "trials": 20}, [6, 4, 10]),  # the last one has the rest
        ({"rounds": THREE, "trials": 12}, [6, 4, 2]),
        ({"rounds": THREE, "trials": 10}, [6, 4]),
        ({"rounds": THREE, "trials": 7}, [6, 1]),
        ({"rounds": THREE, "trials": 6}, [6]),
        ({"rounds": THREE, "trials": 1}, [1]),
    ],
)
def test_planned_rounds_sum_up_to_the_total(search, trials):
    section = Search.model_validate(search)
    assert [one.trials for one in planned_rounds(section)] == trials
    assert sum(trials) == section.total


def test_the_first_round_is_the_space_files():
    one = first_round(made(trials=12, levels={"lr": 6}))
    assert (one.start, one.end, one.epochs, one.kind, one.bounds) == (0, 12, 6, "search", {})
    assert one.levels["lr"] == 6
    assert one.seed(7, 0) == 7


def test_a_first_round_of_several_is_coarse_and_has_its_own_epochs():
    one = first_round(made(rounds=THREE))
    assert (one.trials, one.epochs) == (6, 2)
    assert one.levels["lr"] == 4  # a factor of 10 for each of 4 decades, where one round has 8
    assert first_round(made(trials=6)).levels["lr"] == 6


def test_rounds_have_seeds_of_their_own():
    one = first_round(made())
    assert len({one.seed(7, position) for position in range(4)} | {one.seed(8, position) for position in range(4)}) == 8


# Zoom


def test_a_zoom_is_around_the_best_by_one_step():
    config = made(
        rounds=[{"trials": 16}, {"trials": 8, "epochs": 4, "around": 2}], levels={"lr": 4, "wd": 8, "width": 4}
    )
    past = tried((1e-2, 0.3, 64, 0.9), (1e-3, 0.5, 64, 0.8), (0.5, 0.0, 16, 0.1), (1e-4, 0.8, 128, None))
    one = zoom(config, [first_round(config)], past, Direction.MAXIMIZE, None)
    assert (one.start, one.end, one.epochs, one.kind, one.planned) == (16, 24, 4, "zoom", 1)
    assert one.bounds["lr"] == pytest.approx((1e-4, 1e-1))  # a step is a factor of 10
    assert one.bounds["wd"] == pytest.approx((0.2, 0.6))
    assert one.bounds["width"] == (32, 96)  # a step of 28, outward to a multiple of 16
    assert set(one.bounds) == {"lr", "wd", "width"}
    # The other direction has others as its best.
    other = zoom(config, [first_round(config)], past, Direction.MINIMIZE, None)
    assert other.bounds["lr"] == pytest.approx((1e-4, 1.0))
    assert other.bounds["wd"] == pytest.approx((0.0, 0.6))


def test_a_zoom_has_finer_levels_than_the_round_before():
    config = made(rounds=[{"trials": 9}, {"trials": 9}])
    one = zoom(config, [first_round(config)], tried((1e-2, 0.3, 64, 0.9)), Direction.MAXIMIZE, None)
    step = (one.bounds["lr"][1] / one.bounds["lr"][0]) ** (1 / one.levels["lr"])
    assert step <= 3.0


def test_a_zoom_without_any_value_keeps_the_bounds():
    config = made(rounds=THREE)
    one = zoom(config, [first_round(config)], tried((1e-2, 0.3, 64, None)), Direction.MAXIMIZE, None)
    assert one.space(config.space) == config.space


def test_a_parameter_that_none_of_the_best_has_keeps_its_bounds():
    raw = {"act": {"choice": ["a", "b"]}, "slope": {"uniform": [0.0, 1.0], "when": {"act": "a"}}}
    config = made(raw, rounds=[{"trials": 8}, {"trials": 8, "around": 1}])
    past = [Past(params={"act": "b"}, value=0.9), Past(params={"act": "a", "slope": 0.5}, value=0.1)]
    assert zoom(config, [first_round(config)], past, Direction.MAXIMIZE, None).bounds["slope"] == (0.0, 1.0)
    assert zoom(config, [first_round(config)], past, Direction.MINIMIZE, None).bounds["slope"] != (0.0, 1.0)


def test_a_zoom_of_six_hundred_decades_stays_among_floats():
    raw = {"x": {"loguniform": [1e-300, 1e300]}}
    for levels in (1, 2, 40):
        config = made(raw, rounds=THREE, levels={"x": levels})
        for best in (1e-300, 1.0, 1e300):
            past = [Past(params={"x": best}, value=1.0)]
            low, high = zoom(config, [first_round(config)], past, Direction.MAXIMIZE, None).bounds["x"]
            assert 1e-300 <= low <= best <= high <= 1e300
            assert low < high
            assert levels < 40 or high / low < 1e40


def test_after_the_last_planned_round_comes_none():
    config = made(rounds=THREE)
    rounds, past = [first_round(config)], tried((1e-2, 0.3, 64, 0.9))
    for epochs in (4, 6):
        rounds.append(zoom(config, rounds, past, Direction.MAXIMIZE, None))
        assert rounds[-1].epochs == epochs
    assert [(one.start, one.end) for one in rounds] == [(0, 6), (6, 10), (10, 13)]
    assert zoom(config, rounds, past, Direction.MAXIMIZE, None) is None
    assert zoom(made(trials=6), [first_round(made(trials=6))], past, Direction.MAXIMIZE, None) is None


# Expansion


def test_an_expansion_reaches_from_the_best_at_the_edge_to_the_new_bound():
    config = made(trials=48, expand={"rounds": 2})
    edges = [edge("lr", "high", 0.4, 1.0, 10.0), edge("wd", "low", 0.1, 0.0, 0.0)]
    one = expansion(config, [first_round(config)], edges)
    assert (one.start, one.trials, one.kind, one.epochs, one.planned) == (48, 12, "expand", 6, 0)
    assert one.bounds == {"lr": (0.4, 10.0), "wd": (0.0, 0.8), "width": (16, 128)}
    assert explored(config.space, [first_round(config), one]).parameters["lr"] == Range("loguniform", 1e-4, 10.0)
    low = expansion(config, [first_round(config)], [edge("lr", "low", 3e-4, 1e-4, 1e-6)])
    assert low.bounds["lr"] == (1e-6, 3e-4)


def test_expansions_are_bounded_and_asked_for():
    edges = [edge("lr", "high", 0.4, 1.0, 10.0)]
    config = made(trials=48, expand={"rounds": 2, "trials": 5})
    rounds = [first_round(config)]
    for start in (48, 53):
        rounds.append(expansion(config, rounds, edges))
        assert (rounds[-1].start, rounds[-1].trials) == (start, 5)
    assert expansion(config, rounds, edges) is None
    assert expansion(made(trials=48), rounds[:1], edges) is None
    held = [edge("lr", "high", 0.4, 1.0, 1.0)]
    assert expansion(config, rounds[:1], held) is None
    assert expansion(config, rounds[:1], []) is None


@pytest.mark.parametrize(("trials", "more"), [(8, 8), (32, 8), (48, 12), (200, 50)])
def test_an_expansion_has_a_quarter_of_the_trials(trials, more):
    config = made(trials=trials, expand={})
    assert expansion(config, [first_round(config)], [edge("lr", "high", 0.4, 1.0, 10.0)]).trials == more


# Totals that a user sets anew


@pytest.mark.parametrize(
    ("trials", "begun", "total", "expected"),
    [
        ([12], 12, 20, [20]),
        ([12], 5, 20, [20]),
        ([12], 5, 8, [8]),
        ([12], 5, 3, [5]),  # those that were begun stay
        ([12], 0, 1, [1]),
    ],
)
def test_the_only_round_gets_more_or_fewer(trials, begun, total, expected):
    config = made(trials=trials[0])
    assert [one.trials for one in fitted([first_round(config)], config, begun, total)] == expected


@pytest.mark.parametrize(
    ("known", "begun", "total", "expected", "following"),
    [
        (1, 3, 20, [6], 4),  # the first stays, the last will have the rest
        (1, 3, 8, [6], 2),
        (1, 3, 6, [6], None),
        (1, 3, 4, [4], None),
        (1, 3, 2, [3], None),
        (2, 7, 20, [6, 4], 10),
        (2, 7, 10, [6, 4], None),
        (2, 7, 8, [6, 2], None),
        (2, 6, 5, [6], None),  # stored, but not begun
        (3, 13, 13, [6, 4, 3], None),
        (3, 13, 20, [6, 4, 10], None),
        (3, 11, 12, [6, 4, 2], None),
        (3, 11, 1, [6, 4, 1], None),
    ],
)
def test_planned_rounds_get_more_or_fewer(known, begun, total, expected, following):
    config, past = made(rounds=THREE), tried((1e-2, 0.3, 64, 0.9))
    rounds = [first_round(config)]
    while len(rounds) < known:
        rounds.append(zoom(config, rounds, past, Direction.MAXIMIZE, None))
    found = fitted(rounds, config, begun, total)
    assert [one.trials for one in found] == expected
    assert fitted(found, config, begun, total) == found
    next_one = zoom(config, found, past, Direction.MAXIMIZE, total)
    assert (next_one.trials if next_one else None) == following


def test_an_expansion_is_cut_and_extended_like_others():
    config = made(trials=6, expand={"trials": 8})
    rounds = [first_round(config)]
    rounds.append(expansion(config, rounds, [edge("lr", "high", 0.4, 1.0, 10.0)]))
    for begun, total, expected in [(14, 20, [6, 14]), (9, 10, [6, 4]), (9, 2, [6, 3]), (6, 6, [6]), (6, 9, [6, 3])]:
        assert [one.trials for one in fitted(rounds, config, begun, total)] == expected


# Numbers and epochs


def test_each_number_has_a_round():
    config = made(rounds=THREE)
    rounds = [
        Round(start=0, trials=6, epochs=2),
        Round(start=6, trials=0, epochs=4),
        Round(start=6, trials=3, epochs=6),
    ]
    assert [round_of(rounds, number)[0] for number in range(12)] == [0] * 6 + [2] * 6
    assert round_of([first_round(config)], 100)[0] == 0


def test_epochs_by_number():
    config = made(rounds=THREE)
    first = [first_round(config)]
    assert planned_epochs(config, first, 13) == [2] * 6 + [4] * 4 + [6] * 3
    assert planned_epochs(config, first, 20) == [2] * 6 + [4] * 4 + [6] * 10
    assert planned_epochs(config, first, 7) == [2] * 6 + [4]
    grown = [*first, Round(start=6, trials=8, epochs=2, kind="expand")]
    assert planned_epochs(config, grown, 21) == [2] * 14 + [4] * 4 + [6] * 3
    assert planned_epochs(made(trials=5), [first_round(made(trials=5))], 5) == [6] * 5


# Whatever the space


def steps_of(config, sampler, target, sign):
    """Run the rounds of a search whose values rise towards one side of an axis; yield what is known after each."""
    rounds, past, space = [first_round(config)], [], config.space
    while True:
        one, position = rounds[-1], len(rounds) - 1
        taken = [space.key(known.params) for known in past]
        drawn = make_sampler(sampler, one.space(space), one.seed(3, position), one.levels, taken)
        try:
            for number in range(one.trials):
                params = drawn.draw(number)
                depth = space.parameters[target].quantile(params[target]) if target in params else 0.0
                past.append(Past(params=params, value=sign * depth))
        except SpaceUsedUpError:
            rounds[-1] = replace(one, trials=number)
        whole = explored(space, rounds)
        yield rounds, past, whole
        edges = crowded_edges(whole, past, Direction.MAXIMIZE)
        following = expansion(config, rounds, edges) or zoom(config, rounds, past, Direction.MAXIMIZE, None)
        if following is None:
            return
        rounds.append(following)


def _is_multiple(axis, value):
    return axis.quantum is None or Fraction(repr(value)) % Fraction(repr(axis.quantum)) == 0


@given(
    strategies.tied_spaces().filter(lambda tied: any(isinstance(a, Range) for a in tied.parse().parameters.values())),
    strategies.seeds,
)
@settings(max_examples=25)
def test_rounds_of_any_space_hold_what_they_say(tied, seed):
    generator = random.Random(seed)
    name = generator.choice(["random", "jittered_grid", "sobol"])
    search = {"sampler": name, "rounds": [{"trials": 24}, {"trials": 10}, {"trials": 6}]}
    config = made(tied.raw, tied.constraints, **search, expand={"rounds": 1, "trials": 6})
    space = config.space
    target = generator.choice([name for name, axis in space.parameters.items() if isinstance(axis, Range)])
    before = space
    for rounds, past, whole in steps_of(config, config.search, target, generator.choice((1, -1))):
        one = rounds[-1]
        assert Round.from_dict(json.loads(json.dumps(one.as_dict()))) == one
        assert sum(r.kind == "expand" for r in rounds) <= 1
        assert [r.start for r in rounds[1:]] == [r.end for r in rounds[:-1]]
        inside = one.space(space)
        for axis_name, axis in space.parameters.items():
            if not isinstance(axis, Range):
                assert inside.parameters[axis_name] == axis
                continue
            low, high = one.bounds.get(axis_name, (axis.low, axis.high))
            limits = space.limits.get(axis_name, (low, high))
            reach = whole.parameters[axis_name]
            assert low < high
            assert reach.low <= low < high <= reach.high
            assert min(axis.low, limits[0]) <= low < high <= max(axis.high, limits[1])
            assert type(low) is type(high) is type(axis.low)
            assert _is_multiple(axis, low)
            assert _is_multiple(axis, high)
        if one.kind == "zoom":
            assert explored(space, rounds) == before
            best = best_of_past(past[: one.start], Direction.MAXIMIZE, 3)
            for known, axis_name in itertools.product(best, one.bounds):
                low, high = one.bounds[axis_name]
                if axis_name in known.params:
                    assert low <= space.parameters[axis_name].resolve(known.params[axis_name]) <= high
        if one.kind == "expand":
            grown = [n for n, axis in whole.parameters.items() if axis != before.parameters[n]]
            assert grown
            assert all(
                one.bounds[n] == (a.low, a.high)
                for n, a in before.parameters.items()
                if n in one.bounds and n not in grown
            )
        for known in past[one.start : one.end]:
            config_drawn = inside.config_of(known.params)
            for axis_name, (low, high) in one.bounds.items():
                assert axis_name not in config_drawn or low <= known.params[axis_name] <= high
            assert inside.allows(known.params)
        before = whole
    keys = {space.key(known.params) for known in past}
    assert len(keys) == len(past) == rounds[-1].end


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 40), st.integers(1, 40), st.integers(0, 40))
@settings(max_examples=60)
def test_a_new_total_is_what_is_trained(trials, planned, total, begun):
    """Whatever was planned, begun and asked for: the rounds end at the new total, or at what was begun."""
    config = made(rounds=[{"trials": one} for one in trials], trials=planned)
    past = tried((1e-2, 0.3, 64, 0.9))
    rounds = [first_round(config)]
    while rounds[-1].end < begun and (following := zoom(config, rounds, past, Direction.MAXIMIZE, None)):
        rounds.append(following)
    begun = min(begun, rounds[-1].end)
    rounds = fitted(rounds, config, begun, total)
    while following := zoom(config, rounds, past, Direction.MAXIMIZE, total):
        rounds.append(following)
    assert rounds[-1].end == max(total, begun, 1)
    assert all(one.trials > 0 for one in rounds)
    assert [one.start for one in rounds[1:]] == [one.end for one in rounds[:-1]]
    assert planned_epochs(config, rounds, total) == [6] * total
