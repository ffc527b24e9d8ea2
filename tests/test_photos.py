"""Every kind of photo becomes 8-bit RGB by one rule, or is refused."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny import write_photo
from trashseg_core.data import photos
from trashseg_core.data.photos import read_photo
from trashseg_core.ensemble.loading import LoadedEnsemble
from trashseg_core.errors import BadInput
from trashseg_core.inference.decision import Decision
from trashseg_core.inference.ensemble_predict import predict_photos

pytestmark = pytest.mark.reliability("photos")

ORIENTATION = 0x0112


def save(path: Path, array: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path)
    return path


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def test_rgb_is_read_as_it_is(tmp_path: Path) -> None:
    pixels = write_photo(tmp_path / "a.png")
    assert np.array_equal(read_photo(tmp_path / "a.png", (30, 40)), pixels)


def test_grey_is_repeated_over_the_channels(tmp_path: Path, rgb: np.ndarray) -> None:
    read = read_photo(save(tmp_path / "a.png", rgb[..., 0]))
    assert np.array_equal(read, np.repeat(rgb[..., :1], 3, axis=2))


def test_sixteen_bit_grey_keeps_its_range(tmp_path: Path) -> None:
    deep = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    assert read_photo(save(tmp_path / "a.png", deep))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_a_palette_is_resolved_to_its_colours(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png").tolist() == [[[10, 20, 30], [200, 100, 50]]]


def test_alpha_is_dropped_and_colours_stay(tmp_path: Path, rgb: np.ndarray) -> None:
    alpha = np.dstack([rgb, np.full(rgb.shape[:2], 7, np.uint8)])
    assert np.array_equal(read_photo(save(tmp_path / "a.png", alpha)), rgb)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    red = read_photo(tmp_path / "a.jpg").reshape(-1, 3).mean(axis=0)
    assert red[0] > 230 and red[1:].max() < 25


def test_the_first_frame_of_an_animation_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_photo(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]


@pytest.fixture
def turned(tmp_path: Path, rgb: np.ndarray) -> Path:
    """A 6 x 8 px photo with EXIF orientation 6: to be turned clockwise by a quarter."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(rgb).save(tmp_path / "a.png", exif=exif)
    return tmp_path / "a.png"


def test_exif_orientation_is_ignored_where_the_stored_size_is_the_stated_one(turned: Path, rgb: np.ndarray) -> None:
    assert np.array_equal(read_photo(turned, (6, 8)), rgb)


@pytest.mark.parametrize("size", [(8, 6), None])
def test_exif_orientation_is_applied_where_the_turned_size_is_stated_or_none(
    turned: Path, rgb: np.ndarray, size: tuple[int, int] | None
) -> None:
    assert np.array_equal(read_photo(turned, size), np.rot90(rgb, -1))


def test_a_photo_of_another_size_than_stated_is_refused(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png")
    with pytest.raises(BadInput, match="the photo is 40 x 30 px, but the annotation file says 30 x 40"):
        read_photo(tmp_path / "a.png", (40, 30))


def test_a_truncated_jpeg_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 80).save(buffer, "JPEG")
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with pytest.raises(BadInput, match="a.jpg: cannot be decoded .*truncated.*Replace the photo"):
        read_photo(tmp_path / "a.jpg")


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(BadInput, match="a.png: cannot be decoded"):
        read_photo(tmp_path / "a.png")


def test_a_missing_photo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="a.png: no such photo"):
        read_photo(tmp_path / "a.png")


def test_a_photo_above_the_cap_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_photo(tmp_path / "a.png")
    monkeypatch.setattr(photos, "_to_rgb", lambda image: pytest.fail("decoded"))
    with pytest.raises(BadInput, match="a.png: 40 x 30 px is above the cap of 0.001 megapixels.*`--max-megapixels`"):
        read_photo(tmp_path / "a.png", max_megapixels=0.001)


def test_a_photo_at_the_cap_is_read(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png", max_megapixels=0.0012).shape == (30, 40, 3)


def test_an_ensemble_predicts_no_photo_above_the_cap_it_is_given(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png")
    with pytest.raises(BadInput, match="above the cap of 0.001 megapixels"):
        next(
            predict_photos(
                LoadedEnsemble([], Decision(np.ones((0, 2)), np.zeros(2))),
                [(tmp_path / "a.png", None)],
                max_megapixels=0.001,
            )
        )
