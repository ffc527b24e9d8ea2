"""The blocks of a page escape what they are given and keep secrets."""

import re

from experiments.drawing.page import escaped, interval_bar
from experiments.secrets import masked


def test_values_are_shown_shortly_and_none_as_a_dash() -> None:
    assert [escaped(one) for one in (0.00123456, 12, True, None, "<b>")] == ["0.001235", "12", "True", "–", "&lt;b&gt;"]


def test_addresses_without_a_password_are_left_as_they_are() -> None:
    kept = "sqlite:////a/b@c.db http://host:5000/x t0001: 3:4@5"
    assert masked(kept) == kept


def test_a_value_outside_the_scale_stays_inside_the_bar() -> None:
    places = [float(number) for number in re.findall(r"left:([\d.-]+)%", interval_bar(0.1, 0.9, 0.5, (0.2, 0.6)).html)]
    assert places == [0, 100]
