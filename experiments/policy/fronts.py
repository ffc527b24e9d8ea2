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
    spans = [_span([point[axis] for point in points.values()]) for axis in (0, 1)]
    places = {
        name: [(min(value, high) - low) / (high - low) for value, (low, high) in zip(points[name], spans, strict=True)]
        for name in front
    }
    order = [min(front, key=lambda name: (-points[name][0], name))]
    gaps = {name: math.dist(places[name], places[order[0]]) for name in sorted(set(front) - set(order))}
    while gaps:
        order.append(max(gaps, key=lambda name: gaps[name]))
        del gaps[order[-1]]
        gaps = {name: min(gap, math.dist(places[name], places[order[-1]])) for name, gap in gaps.items()}
    return order


def _span(values: list[float]) -> tuple[float, float]:
    """Lowest and highest finite value, never the same."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    return min(finite), max(finite) if max(finite) > min(finite) else min(finite) + 1
