"""The README tells the truth about the tree."""

from tests.readme_tree import README, rewritten, tree


def test_the_readme_lists_every_file_with_the_line_that_it_begins_with() -> None:
    readme = README.read_text(encoding="utf-8")
    assert readme == rewritten(readme), "run python -m tests.readme_tree"


def test_every_file_says_in_its_first_line_what_it_holds() -> None:
    silent = [line for line in tree().splitlines() if len(line.split(maxsplit=1)) < 2]
    assert silent == []
