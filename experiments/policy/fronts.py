"""Pareto fronts of two values: one to maximise, one to minimise."""

import math
from collections.abc import Mapping

Points = Mapping[str, tuple[float, float]]
"""By name: (value, higher is better; cost, lower is better)."""


def pareto_front(points: Points) -> list[str]:
    """Names of the points that no other one beats in one of the two without losing in the other; cheapest first."""
    front: list[str] = []
    best = -math.inf
    for name in sorted(points, key=lambda one: (points[one][1], -points[one][0], one)):
        if points[name][0] > best:
            best = points[name][0]
            front.append(name)
    return front


def pareto_order(points: Points) -> list[str]:
    """Names from the best to the worst: front after front, each from its best value on to what lies farthest away.

    That is the order of MO-ASHA with EpsNet (Schmucker et al., arXiv 2106.12639): whoever takes the first few of a
    front gets points from all over it, and never only its expensive end.
    """
    rest, order = dict(points), list[str]()
    while rest:
        front = pareto_front(rest)
        front += [name for name in rest if rest[name] in {rest[one] for one in front} and name not in front]
        order += _spread(front, rest)
        for name in front:
            del rest[name]
    return order


def _spread(front: list[str], points: Points) -> list[str]:
    """Names of a front, each as far as possible from those before it; the highest value first, equals by name."""
    places = {name: tuple(map(float, _scaled(points[name], points))) for name in front}
    order = [min(front, key=lambda name: (-points[name][0], name))]
    left = sorted(set(front) - set(order))
    while left:
        order.append(max(left, key=lambda name: min(math.dist(places[name], places[one]) for one in order)))
        left.remove(order[-1])
    return order


def _scaled(point: tuple[float, float], points: Points) -> list[float]:
    """A point with both values between 0 and 1."""
    scaled = []
    for axis in (0, 1):
        finite = [one[axis] for one in points.values() if math.isfinite(one[axis])]
        low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        scaled.append((min(point[axis], high) - low) / (high - low) if high > low else 0.0)
    return scaled
