"""The table that turns the categories of TACO into classes."""

from pathlib import Path

import pytest

from tests.tiny_sources import photos_by_stem, write_taco
from trashseg_core.errors import BadInput
from trashseg_core.importers.options import ImportOptions
from trashseg_core.importers.taco import import_taco


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small TACO."""
    return write_taco(tmp_path / "TACO")


def test_the_users_own_table_decides_the_classes_and_their_order(source: Path, tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("Shoe,Worn\nDrink can,Drunk\nProduce bag,Unused\n", encoding="utf-8")
    report = import_taco(source, tmp_path / "out", ImportOptions(), class_map=tmp_path / "map.csv")
    found = photos_by_stem(tmp_path / "out")
    assert report.class_names == ["Background", "Worn", "Drunk", "Unused"]
    assert [found[f"{number:06}"][1][0]["category_id"] for number in (0, 1)] == [2, 1]


def test_a_category_that_the_table_makes_background_is_taken_out(source: Path, tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("taco_name,class_name\nShoe,Worn\nDrink can,background\n", encoding="utf-8")
    report = import_taco(source, tmp_path / "out", ImportOptions(), class_map=tmp_path / "map.csv")
    assert report.class_names == ["Background", "Worn"]
    assert len(report.left_out["annotations of categories that the table makes background"]) == 6


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("Shoe,Clothing\n", "no line for 1 of 2 categories (first: 'Drink can')"),
        ("Shoe,Clothing\nDrink can\n", "line 2 is 'Drink can', but must be a category, a comma and its class"),
        ("Shoe,A\nShoe,B\n", "line 2 names 'Shoe' a second time"),
        ("taco_name,class_name\n", "the table names no class"),
        ("Shoe,\n", "line 1 is 'Shoe,'"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(source: Path, tmp_path: Path, table: str, message: str) -> None:
    (tmp_path / "map.csv").write_text(table, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        import_taco(source, tmp_path / "out", ImportOptions(), class_map=tmp_path / "map.csv")
    assert message in str(caught.value)
