"""Where the best trials crowd a bound, and what is proposed instead."""

import math
import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from hpsearch.samplers import JitteredGridSampler
from hpsearch.samplers.edges import Edge, _chance, crowded_edges, in_words
from hpsearch.samplers.past import Past
from hpsearch.space.distributions import Range
from hpsearch.space.parsing import parse_space
from hpsearch.trial.trial import Direction
from support import strategies

RAW = {
    "lr": {"loguniform": [1e-4, 1e-1]},
    "dropout": {"uniform": [0.0, 0.5]},
    "width": {"randint": [8, 64]},
    "act": {"choice": ["relu", "gelu"]},
}
WITH_CONDITION = {
    "optimizer": {"choice": ["sgd", "adamw"]},
    "momentum": {"uniform": [0.5, 0.9], "when": {"optimizer": "sgd"}},
    "lr": {"loguniform": [1e-4, 1e-1]},
}
FREE = (-math.inf, math.inf)


def study(value, raw=RAW, trials=48, seed=0):
    """The trials of a grid, each with what `value` gives for its params."""
    sampler = JitteredGridSampler.from_dict(raw, seed=seed, trials=trials)
    drawn = [sampler.draw(number) for number in range(trials)]
    return [Past(params=params, value=value(params)) for params in drawn]


def sides(edges):
    return [(edge.name, edge.side) for edge in edges]


def edges_of(past, raw=RAW, direction=Direction.MAXIMIZE):
    return crowded_edges(parse_space(raw), past, direction)


def bowl(params, lr=1e-2, dropout=0.25):
    """Best at an lr and a dropout; lr matters most."""
    return -(math.log10(params["lr"] / lr) ** 2) - (params["dropout"] - dropout) ** 2


def test_a_bound_with_the_best_trials_beside_it_is_found():
    past = study(lambda params: bowl(params, lr=1.0))
    (edge,) = edges_of(past)
    best = sorted(past, key=lambda one: -one.value)[: edge.best]
    near = [one.params["lr"] for one in best if one.params["lr"] >= 0.1 * 10 ** (-3 * 1.2 / math.sqrt(48))]
    assert (edge.name, edge.side, edge.bound, edge.proposed, edge.held_by) == ("lr", "high", 0.1, 1.0, "")
    assert (edge.near, edge.best, edge.inner) == (len(near), int(1.45 * math.sqrt(48)), min(near))


def test_the_direction_tells_which_trials_are_best():
    worst_above = [replace(one, value=-one.value) for one in study(lambda params: bowl(params, lr=1.0))]
    assert sides(edges_of(worst_above, direction=Direction.MINIMIZE)) == [("lr", "high")]
    assert sides(edges_of(worst_above)) == [("lr", "low")]


@pytest.mark.parametrize("lr", [1e-3, 3e-3, 1e-2])
def test_an_optimum_inside_has_no_edges(lr):
    assert edges_of(study(lambda params: bowl(params, lr=lr))) == []


def test_several_axes_may_be_too_tight():
    past = study(lambda params: math.log10(params["lr"]) - 4 * params["dropout"], trials=200)
    edges = edges_of(past)
    assert sides(edges) == [("lr", "high"), ("dropout", "low")]
    best = sorted(past, key=lambda one: -one.value)[:20]
    outer = 0.5 * 1.2 / math.sqrt(200)
    assert edges[1].inner == max(one.params["dropout"] for one in best if one.params["dropout"] <= outer)


def test_the_very_best_trial_has_to_lie_on_that_side():
    past = study(lambda params: bowl(params, lr=1.0))
    best = {"lr": 2e-3, "dropout": 0.25, "width": 30, "act": "relu"}
    assert edges_of([*past, Past(params=best, value=1.0)]) == []
    assert sides(edges_of([*past, Past(params=best | {"lr": 0.02}, value=1.0)])) == [("lr", "high")]


def test_more_axes_ask_for_more_evidence():
    def some(axes):
        raw = {f"x{axis}": {"uniform": [-1.0, 1.0]} for axis in range(axes)}
        values = [0.7, 0.8, 0.9, 1.0, 0.0, 0.1, 0.2, -0.3]
        past = [Past(params=dict.fromkeys(raw, 0.0) | {"x0": x}, value=x) for x in values]
        return sides(edges_of(past, raw))

    # Four of four in the half of the trials that lie there: chance does that once in 70 times.
    assert some(1) == [("x0", "high")]
    assert some(4) == []


def test_too_few_trials_say_nothing():
    past = study(lambda params: bowl(params, lr=1.0), trials=200)
    best = sorted(past, key=lambda one: -one.value)
    eight = [*best[:7], *(replace(one, value=None) for one in best[100:])]
    assert edges_of(eight) == []
    assert sides(edges_of([*eight, best[8]])) == [("lr", "high")]


def test_running_trials_do_not_count():
    past = study(lambda params: bowl(params, lr=1.0))
    running = [replace(one, value=None, running=True) for one in study(lambda params: 0.0, seed=1)]
    assert edges_of(past + running) == edges_of(past)
    assert edges_of(running) == []


def test_an_edge_where_most_trials_diverge_is_a_cliff():
    raw = {"lr": {"loguniform": [1e-4, 1e-1]}}
    past = study(lambda params: math.log(params["lr"]), raw, trials=200)
    beside = sorted(past, key=lambda one: -one.params["lr"])[:16]
    # The bound has 13 trials beside it: 5 of them diverge, or 8. Those that are left are the best of all.
    for kept, found in ((range(5, 16), [("lr", "high")]), ((0, 3, 6, 8, 11), [])):
        failing = [one for number, one in enumerate(beside[:13]) if number not in kept]
        diverged = [replace(one, value=None) if one in failing else one for one in past]
        assert sides(edges_of(diverged, raw)) == found


def test_trials_that_rivals_outclassed_are_no_cliff():
    past = study(lambda params: bowl(params, lr=1.0) - 199 * (params["dropout"] - 0.25) ** 2, trials=200)
    survivors = sorted(past, key=lambda one: -one.value)[:16]
    pruned = [one if one in survivors else replace(one, value=None) for one in past]
    beside = [one for one in pruned if one.params["lr"] >= 0.1 * 10 ** (-3 * 1.2 / math.sqrt(200))]
    # Most trials beside the bound were outclassed too, but fewer than elsewhere.
    assert 0.5 < sum(one.value is None for one in beside) / len(beside) < 1 - 16 / 200
    assert sides(edges_of(pruned)) == [("lr", "high")]


def test_trials_that_went_to_the_edge_are_weighed_by_how_many_did():
    """Half of the best lie at an edge where half of all trials were: that says nothing."""
    raw = {"x": {"uniform": [-1.0, 1.0]}}
    generator = random.Random(0)
    at_edge = [Past(params={"x": 1 - 0.05 * generator.random()}, value=generator.random()) for _ in range(40)]
    elsewhere = [Past(params={"x": generator.uniform(-1, 0.5)}, value=generator.random()) for _ in range(40)]
    best = [Past(params={"x": 0.99}, value=2.0)]
    assert edges_of(at_edge + elsewhere + best, raw) == []


def test_a_sampler_that_settled_at_an_edge_is_believed():
    raw = {"x": {"uniform": [-1.0, 1.0]}, "y": {"uniform": [-1.0, 1.0]}}
    generator = random.Random(0)
    params = [{"x": generator.uniform(-1, 1) if n < 10 else 1.0, "y": generator.uniform(-1, 1)} for n in range(48)]
    past = [Past(params=one, value=one["x"] - one["y"] ** 2) for one in params]
    assert sides(edges_of(past, raw)) == [("x", "high")]
    # Not all of the best are there any more.
    assert edges_of([*past, Past(params={"x": 0.3, "y": 0.0}, value=0.99)], raw) == []


def test_trials_without_a_conditional_parameter_do_not_count_for_it():
    past = study(lambda params: params.get("momentum", 0.5), WITH_CONDITION, trials=96)
    with_it = [one for one in past if "momentum" in one.params]
    (edge,) = edges_of(past, WITH_CONDITION)
    assert (edge.name, edge.side, edge.best) == ("momentum", "high", int(1.45 * math.sqrt(48)))
    assert [edge] == edges_of(with_it, WITH_CONDITION)
    assert in_words([edge], parse_space(WITH_CONDITION))[0].startswith(
        f"momentum: {edge.near} of the {edge.best} best trials that have it lie between"
    )


def test_a_conditional_parameter_of_none_of_the_best_does_not_matter():
    assert edges_of(study(lambda params: params.get("momentum", 2.0), WITH_CONDITION, trials=96), WITH_CONDITION) == []


def test_a_grid_without_jitter_has_an_outermost_level():
    raw = {"x": {"uniform": [-1.0, 1.0]}, "y": {"uniform": [-1.0, 1.0]}}
    sampler = JitteredGridSampler.from_dict(raw, trials=48, levels={"x": 2, "y": 24}, jitter=0.0)
    drawn = [sampler.draw(number) for number in range(48)]
    past = [Past(params=params, value=params["x"] - 0.1 * params["y"] ** 2) for params in drawn]
    (edge,) = edges_of(past, raw)
    assert (edge.name, edge.side, edge.near, edge.best) == ("x", "high", 10, 10)
    assert edge.inner == pytest.approx(0.5)


def test_integers_have_an_outermost_value():
    raw = {"layers": {"randint": [1, 3]}, "x": {"uniform": [-1.0, 1.0]}}
    (edge,) = edges_of(study(lambda params: params["layers"] - 0.1 * params["x"] ** 2, raw), raw)
    assert (edge.name, edge.side, edge.inner, edge.proposed) == ("layers", "high", 3, 4)


def test_choices_have_no_edges():
    raw = {"act": {"choice": ["relu", "gelu"]}, "batch_size": {"choice": [16, 32, 64]}}
    sampler = JitteredGridSampler.from_dict(raw, trials=6)
    past = [Past(params=sampler.draw(number), value=float(number)) for number in range(6)] * 4
    assert edges_of(past, raw) == []


def test_constants_and_nothing_at_all_have_no_edges():
    assert edges_of([]) == []
    assert edges_of([Past(params={"lr": 0.1, "dropout": 0.1, "width": 8, "act": "relu"}, value=None)] * 20) == []


@pytest.mark.parametrize(
    ("axis", "low", "high"),
    [
        ({"loguniform": [1e-4, 1e-1]}, 2e-6, 1.0),
        ({"loguniform": [1e-3, 1e-2]}, 1e-4, 0.1),
        ({"loguniform": [1e-3, 0.3]}, 5e-5, 1.0),  # not beyond 1 in one go
        ({"loguniform": [1e-3, 1.0]}, 2e-5, 50.0),
        ({"uniform": [-1.0, 1.0]}, -2.0, 2.0),
        ({"uniform": [0.0, 0.5]}, "0 is its natural end", 0.75),
        ({"uniform": [0.1, 0.5]}, 0.0, 0.7),
        ({"uniform": [0.8, 0.99]}, 0.7, 1.0),
        ({"uniform": [0.0, 1.0]}, "0 is its natural end", "1 is its natural end"),
        ({"uniform": [0.0, 3.0]}, "0 is its natural end", 4.6),
        ({"quniform": [0.0, 0.5, 0.1]}, "0 is its natural end", 0.8),
        ({"randint": [1, 8]}, "1 is its natural end", 12),
        ({"randint": [0, 8]}, "0 is its natural end", 12),
        ({"randint": [16, 64]}, 1, 90),
        ({"randint": [-3, 2]}, -6, 5),
        ({"lograndint": [16, 256]}, 1, 5000),
        ({"qrandint": [8, 64, 8]}, "8 is its natural end", 96),
        ({"qlograndint": [32, 64, 8]}, 8, 1000),
        ({"loguniform": [1e-4, 1e-1], "limits": [1e-5, 0.5]}, 1e-5, 0.5),
        ({"loguniform": [1e-4, 1e-1], "limits": [1e-4, None]}, "its limits end there", 1.0),
        ({"uniform": [0.0, 0.5], "limits": [None, 0.5]}, "0 is its natural end", "its limits end there"),
        ({"qrandint": [8, 64, 8], "limits": [0, 70]}, "8 is its natural end", "its limits end there"),
        ({"qrandint": [8, 64, 8], "limits": [0, 75]}, "8 is its natural end", 72),
    ],
)
def test_a_bound_grows_to_a_number_that_people_write(axis, low, high):
    raw = {"x": axis}
    space = parse_space(raw)
    distribution = space.parameters["x"]
    drawn = [distribution.draw(number / 95) for number in range(96)]
    for side, expected in (("low", low), ("high", high)):
        sign = 1 if side == "high" else -1
        (edge,) = edges_of([Past(params={"x": value}, value=float(sign * value)) for value in drawn], raw)
        bound = distribution.low if side == "low" else distribution.high
        held = isinstance(expected, str)
        assert (edge.side, edge.bound) == (side, bound)
        assert (edge.proposed, edge.held_by) == ((bound, expected) if held else (expected, ""))
        assert type(edge.proposed) is type(edge.inner) is type(bound)


@st.composite
def crowded(draw):
    """A space with limits, and trials whose values rise towards one bound of one of its ranges."""
    space = draw(strategies.spaces.filter(lambda one: any(isinstance(a, Range) for a in one.parameters.values())))
    limits = {}
    for name, axis in space.parameters.items():
        if isinstance(axis, Range) and draw(st.booleans()):
            width = float(axis.high - axis.low)
            below = (
                axis.low / (1 + 3 * draw(strategies.units)) if axis.log else axis.low - width * draw(st.floats(0, 2))
            )
            limits[name] = (below, axis.high + width * draw(st.floats(0, 2)))
    space = replace(space, limits=limits)
    name = draw(st.sampled_from([name for name, axis in space.parameters.items() if isinstance(axis, Range)]))
    generator = random.Random(draw(strategies.seeds))
    sign = draw(st.sampled_from((1, -1)))
    past = []
    for _ in range(draw(st.integers(16, 60))):
        params = {key: axis.draw(generator.random()) for key, axis in space.parameters.items()}
        value = sign * space.parameters[name].quantile(params[name]) + generator.random() * 1e-6
        past.append(Past(params=params, value=value if generator.random() < 0.9 else None))
    return space, past, generator


@settings(max_examples=150)
@given(crowded())
def test_proposals_hold_what_the_space_file_says(given_study):
    space, past, generator = given_study
    edges = crowded_edges(space, past, Direction.MAXIMIZE)
    assert len({edge.name for edge in edges}) == len(edges)
    for edge in edges:
        axis, up = space.parameters[edge.name], edge.side == "high"
        low, high = space.limits.get(edge.name, FREE)
        assert edge.bound == (axis.high if up else axis.low)
        assert axis.low <= edge.inner <= axis.high
        assert 1 <= edge.near <= edge.best
        assert bool(edge.held_by) == (edge.proposed == edge.bound)
        assert low <= edge.proposed <= high
        assert edge.proposed >= axis.high if up else edge.proposed <= axis.low
        assert math.isfinite(edge.proposed)
        assert edge.proposed > 0 or not axis.log
        assert edge.proposed >= 0 or axis.low < 0
        step = Fraction(repr(axis.quantum or 1))
        for value in (edge.inner, edge.proposed):
            assert type(value) is type(axis.low)
            if axis.integer or axis.quantum:
                assert Fraction(repr(value)) % step == 0
        wider = space.with_bounds({edge.name: (axis.low, edge.proposed) if up else (edge.proposed, axis.high)})
        widened = wider.parameters[edge.name]
        assert all(widened.low <= one.params[edge.name] <= widened.high for one in past)
    # No two values are the same, so the order of the trials does not matter.
    shuffled = generator.sample(past, len(past))
    assert crowded_edges(space, shuffled, Direction.MAXIMIZE) == edges
    assert all("\n" not in line for line in in_words(edges, space))


def test_a_space_whose_bounds_grew_can_grow_again():
    space, bounds = parse_space({"lr": {"loguniform": [1e-4, 1e-3], "limits": [1e-4, 0.3]}}), []
    for _ in range(4):
        axis = space.parameters["lr"]
        drawn = [axis.draw(number / 47) for number in range(48)]
        (edge,) = crowded_edges(space, [Past(params={"lr": lr}, value=lr) for lr in drawn], Direction.MAXIMIZE)
        bounds.append(edge.proposed)
        space = space.with_bounds({"lr": (axis.low, edge.proposed)})
    assert bounds == [0.01, 0.1, 0.3, 0.3]
    assert edge.held_by == "its limits end there"


def test_ties_go_to_the_first():
    raw = {"x": {"uniform": [-1.0, 1.0]}}
    outer = [Past(params={"x": 0.99 - number / 1000}, value=1.0) for number in range(12)]
    inner = [Past(params={"x": number / 100 - 0.6}, value=1.0) for number in range(48)]
    assert sides(edges_of(outer + inner, raw)) == [("x", "high")]
    assert edges_of(inner + outer, raw) == []


def test_chance_is_hypergeometric():
    for ended, beside, best, near in [(48, 8, 10, 4), (48, 8, 10, 8), (16, 4, 5, 4), (30, 20, 12, 10), (9, 9, 4, 4)]:
        assert _chance(ended, beside, best, near) == pytest.approx(hypergeom.sf(near - 1, ended, beside, best))
    assert _chance(100_000, 400, 458, 40) == pytest.approx(hypergeom.sf(39, 100_000, 400, 458), rel=1e-6)


def test_few_bounds_are_called_too_tight_where_nothing_matters():
    raw = {f"x{axis}": {"uniform": [-1.0, 1.0]} for axis in range(4)}
    generator = random.Random(0)
    past = [study(lambda params: 0.0, raw, seed=seed) for seed in range(10)]
    found = sum(
        bool(edges_of([replace(one, value=generator.random()) for one in past[number % 10]], raw))
        for number in range(200)
    )
    assert found < 0.05 * 200


def test_words():
    space = parse_space(RAW)
    words = in_words(
        [
            Edge(name="lr", side="high", bound=0.1, near=6, best=9, inner=0.0612345, proposed=1.0),
            Edge(name="lr", side="low", bound=1e-4, near=6, best=9, inner=2e-4, proposed=2e-6),
            Edge(name="width", side="high", bound=64, near=5, best=9, inner=64, proposed=96),
            Edge(
                name="dropout", side="low", bound=0.0, near=5, best=9, inner=0.02, proposed=0.0, held_by="0 is its end"
            ),
        ],
        space,
    )
    tight = "which may be too tight"
    assert words == [
        "lr: 6 of the 9 best trials lie between 0.06123 and the upper bound 0.1, which may be too tight (try up to 1)",
        f"lr: 6 of the 9 best trials lie between 2e-4 and the lower bound 1e-4, {tight} (try down to 2e-6)",
        "width: 5 of the 9 best trials lie at the upper bound 64, which may be too tight (try up to 96)",
        "dropout: 5 of the 9 best trials lie between 0.02 and the lower bound 0, which stays (0 is its end)",
    ]
