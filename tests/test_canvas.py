"""The blank figure: names that stay text, rows that stay apart, notes instead of bare axes."""

import pytest

from experiments.drawing.canvas import blank, name_rows, or_note, plain


def test_names_that_are_equal_when_shortened_keep_rows_of_their_own_from_the_top_down() -> None:
    axis = name_rows(blank("x", None), ["a long name 1", "a long name 2"], 8).layout.yaxis
    assert list(axis.ticktext) == ["a long …"] * 2 and list(axis.tickvals) == [0, 1]
    assert axis.range[0] > axis.range[1]


@pytest.mark.parametrize(("text", "shown"), [("<b>x", "&lt;b&gt;x"), ("%{y}", "%\u200b{y}"), (0.5, "0.5")])
def test_nothing_in_a_name_is_formatting_for_plotly(text: object, shown: str) -> None:
    assert plain(text) == shown


def test_only_an_empty_figure_gets_a_note() -> None:
    full = blank("x", "y").add_scatter(x=[1], y=[1])
    assert not or_note(full, "nothing").layout.annotations
    assert or_note(blank("x", "y"), "nothing").layout.annotations[0].text == "nothing"
