"""Pareto fronts, and the order in which rungs promote with two objectives."""

import random

from experiments.journal import TrialRecord
from experiments.policy.fronts import pareto_front, pareto_order
from experiments.policy.rungs import Rungs

POINTS = {"cheap": (0.3, 1.0), "middle": (0.5, 2.0), "best": (0.9, 9.0), "beaten": (0.4, 3.0), "worst": (0.1, 9.0)}


def test_the_front_holds_what_no_other_point_beats_cheapest_first() -> None:
    assert pareto_front(POINTS) == ["cheap", "middle", "best"]


def test_a_front_of_random_points_is_what_its_definition_says() -> None:
    rng = random.Random(0)
    points = {str(number): (rng.randint(0, 9), rng.randint(0, 9)) for number in range(60)}
    beaten = {
        one
        for one, (value, cost) in points.items()
        if any(v >= value and c <= cost and (v, c) != (value, cost) for v, c in points.values())
    }
    front = pareto_front(points)
    assert {points[name] for name in front} == {points[name] for name in points if name not in beaten}


def test_the_order_goes_front_by_front_and_each_from_its_best_to_what_is_far_from_it() -> None:
    assert pareto_order(POINTS) == ["best", "cheap", "middle", "beaten", "worst"]


def test_the_order_names_every_point_once_whatever_the_order_given() -> None:
    names = list(POINTS)
    for seed in range(10):
        random.Random(seed).shuffle(names)
        assert pareto_order({name: POINTS[name] for name in names}) == pareto_order(POINTS)


def test_equal_points_share_their_front() -> None:
    assert pareto_order({"a": (0.5, 1.0), "b": (0.5, 1.0), "c": (0.4, 1.0)}) == ["a", "b", "c"]


def test_an_unknown_cost_stands_behind_every_known_one() -> None:
    assert pareto_order({"unknown": (0.5, float("inf")), "known": (0.5, 3.0)}) == ["known", "unknown"]


def rungs(second: str | None) -> Rungs:
    one = Rungs(9, 3, 3.0, "val_miou", second)
    for number, (value, cost) in enumerate([(0.3, 1.0), (0.4, 9.0), (0.5, 9.0), (0.6, 9.0), (0.7, 9.0), (0.8, 9.0)]):
        one.enter(f"t{number:04d}", 3, value, cost)
    return one


def test_with_two_objectives_a_rung_promotes_the_cheapest_too() -> None:
    waiting = {f"t{number:04d}" for number in range(5)}
    assert rungs("parameters_m").next_promotion(waiting) == "t0000"
    assert rungs(None).next_promotion(waiting) == "t0004"


def test_noise_of_one_measurement_moves_no_trial() -> None:
    one = Rungs(9, 3, 3.0, "val_miou", "val_s_per_image")
    for epoch, cost in ((1, 0.1), (2, 5.0), (3, 0.1)):
        one.enter("steady", epoch, 0.5, cost)
        one.enter("slow", epoch, 0.5, 0.2)
    one.enter("third", 3, 0.1, 0.3)
    assert one.next_promotion({"steady", "slow"}) == "steady"


def test_a_restart_remembers_costs() -> None:
    one, other = rungs("parameters_m"), Rungs(9, 3, 3.0, "val_miou", "parameters_m")
    records = []
    for key, value in one.values[3].items():
        record = TrialRecord(key, {}, {}, {})
        record.epochs = {3: {"val_miou": value, "parameters_m": 1.0 if key == "t0000" else 9.0}}
        records.append(record)
    other.rebuild(records)
    assert other.next_promotion({"t0000", "t0004"}) == "t0000"
