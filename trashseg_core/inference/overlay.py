"""Pictures of label maps: classes painted over a photo, and truth and prediction side by side."""

import unicodedata
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from trashseg_core.confusion import count_confusion, iou
from trashseg_core.data.label_maps import IGNORED
from trashseg_core.data.resize import fitted_size

PALETTE = (
    (230, 159, 0),
    (0, 158, 115),
    (86, 180, 233),
    (204, 121, 167),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (136, 34, 85),
    (170, 255, 195),
    (102, 51, 238),
    (153, 153, 51),
    (255, 200, 221),
)
"""Colours of labels 1, 2, …: Okabe and Ito (2008) first, then shades apart from them in lightness too."""
TILE_PX, GAP_PX, MIN_SLOT_PX = 320, 10, 150
FONT_PX = 14
PAPER, INK, FAINT = (255, 255, 255), (25, 28, 33), (105, 112, 122)
WRONG, RIM = (235, 25, 35), (20, 22, 26)
FONTS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "arial.ttf")
"""Looked for in the system's font folders; Pillow's own font, which knows ASCII only, is the last resort."""
MAX_NAME = 32

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache
def _colours(num_classes: int) -> np.ndarray:
    chosen = [(0, 0, 0), *PALETTE][:num_classes]
    if num_classes > len(chosen):
        steps = np.linspace(0, 255, 9).round().astype(np.uint8)
        grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
        grid = grid[(grid.max(axis=1) > 90) & (np.ptp(grid.astype(int), axis=1) > 40)]  # no near-black, no greys
        lab = _lab(grid)
        distance = np.linalg.norm(lab[:, None] - _lab(np.array(chosen, np.uint8)), axis=2).min(axis=1)
        while len(chosen) < num_classes:
            farthest = int(distance.argmax())
            chosen.append(tuple(grid[farthest].tolist()))
            distance = np.minimum(distance, np.linalg.norm(lab - lab[farthest], axis=1))
    return np.array(chosen, np.uint8)


def class_colours(num_classes: int) -> np.ndarray:
    """One colour per label; label 0, the background, is never painted.

    The first come from `PALETTE`, the others lie farthest from all before them in CIE Lab.

    Returns:
        uint8 (C, 3), RGB, all different.
    """
    return _colours(num_classes).copy()


def draw_overlay(rgb: np.ndarray, labels: np.ndarray, alpha: float = 0.55) -> np.ndarray:
    """Blend the classes' colours over a photo and outline each region; ignored pixels are hatched grey.

    Below a colour the photo shows its lightness only, so that an orange class stays orange on a red pepper.

    Args:
        rgb: uint8 (H, W, 3).
        labels: uint8 (H, W), 0..C-1 or 255 = ignored.
        alpha: opacity of the colours, 0 to 1.

    Returns:
        uint8 (H, W, 3).
    """
    colours = class_colours(256)[labels]
    ignored, objects = labels == IGNORED, (labels != 0) & (labels != IGNORED)
    picture = rgb.copy()
    picture[objects] = _blend(_grey(rgb)[objects], colours[objects], alpha)
    rim = _rim(labels)
    picture[rim & objects] = colours[rim & objects]
    picture[rim & ~objects] = RIM
    return _hatch(picture, ignored)


def draw_panel(
    rgb: np.ndarray, truth: np.ndarray, prediction: np.ndarray, class_names: list[str], caption: str
) -> np.ndarray:
    """Draw photo, truth, prediction and errors side by side, with a legend of the classes that occur.

    In the last tile wrong pixels are red, right ones are dimmed, ignored ones are hatched grey. Each tile's longer
    side is 320 px, whatever the size of the photo.

    Args:
        rgb: uint8 (H, W, 3).
        truth: uint8 (H, W), 0..C-1 or 255 = ignored.
        prediction: uint8 (H, W), 0..C-1.
        class_names: by label, the background first.

    Returns:
        uint8 (height, width, 3), RGB.
    """
    confusion = count_confusion(truth, prediction, len(class_names))
    counted = int(confusion.sum())
    wrong = f"{1 - np.trace(confusion) / counted:.1%}" if counted else "nothing counts"
    height, width = fitted_size(rgb.shape[0], rgb.shape[1], TILE_PX)
    photo = _scale(rgb, height, width, cv2.INTER_AREA if max(rgb.shape[:2]) > TILE_PX else cv2.INTER_CUBIC)
    true, predicted = (_scale(one, height, width, cv2.INTER_NEAREST_EXACT) for one in (truth, prediction))
    faded = _blend(photo, _grey(photo), 0.6)
    tiles = {
        "photo": photo,
        "truth": draw_overlay(faded, true),
        "prediction": draw_overlay(faded, predicted),
        f"wrong pixels: {wrong}": _errors(photo, true, predicted),
    }
    legend = _legend(confusion, class_names, bool((truth == IGNORED).any()))
    return _lay_out(tiles, legend, caption)


def _lay_out(tiles: dict[str, np.ndarray], legend: list[tuple[str, tuple[int, ...]]], caption: str) -> np.ndarray:
    """Put caption, titles, tiles and legend on one sheet, uint8 (height, width, 3)."""
    height, width = next(iter(tiles.values())).shape[:2]
    slot, line = max(width, MIN_SLOT_PX), FONT_PX + 10
    total = len(tiles) * (slot + GAP_PX) + GAP_PX
    places = _flow([text for text, _ in legend], total - 2 * GAP_PX)
    top = GAP_PX + line * 2
    sheet = Image.new("RGB", (total, top + height + GAP_PX + line * (places[-1][1] + 1) + GAP_PX // 2), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP_PX, GAP_PX), _shortened(legible(caption), total - 2 * GAP_PX), fill=INK, font=font())
    for number, (title, tile) in enumerate(tiles.items()):
        left = GAP_PX + number * (slot + GAP_PX)
        draw.text((left, GAP_PX + line), title, fill=FAINT, font=font())
        sheet.paste(Image.fromarray(tile), (left + (slot - width) // 2, top))
    for (text, colour), (left, row) in zip(legend, places, strict=True):
        y = top + height + GAP_PX + row * line
        draw.rectangle((GAP_PX + left, y + 2, GAP_PX + left + FONT_PX, y + 2 + FONT_PX), colour, outline=FAINT)
        draw.text((GAP_PX + left + FONT_PX + 6, y), text, fill=INK, font=font())
    return np.asarray(sheet)


def _legend(confusion: np.ndarray, class_names: list[str], ignored: bool) -> list[tuple[str, tuple[int, ...]]]:
    """Text and colour of each class that occurs, with its IoU, and of the other signs."""
    colours, values = class_colours(len(class_names)), iou(confusion)
    occurring = (confusion.sum(axis=0) + confusion.sum(axis=1)) > 0
    entries: list[tuple[str, tuple[int, ...]]] = []
    for label in np.flatnonzero(occurring[1:]) + 1:
        name, plain = class_names[label], legible(class_names[label])
        known = plain if name == plain else f"{label}: {plain}"  # with its number where the font lacks its letters
        known = known if len(known) <= MAX_NAME else known[: MAX_NAME - 1] + "…"
        entries.append((legible(f"{known}  IoU {values[label]:.2f}"), tuple(colours[label].tolist())))
    entries.append(("wrong", WRONG))
    return entries + [("ignored", (150, 150, 150))] * ignored


def _flow(texts: list[str], width: int) -> list[tuple[int, int]]:
    """Left edge in px and row of each legend entry, wrapped at `width`."""
    places, left, row = [], 0, 0
    for text in texts:
        needed = FONT_PX + 6 + round(font().getlength(text)) + 18
        if left and left + needed > width:
            left, row = 0, row + 1
        places.append((left, row))
        left += needed
    return places


def _errors(rgb: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    grey = _grey(rgb)
    picture = _blend(grey, np.array(PAPER), 0.55)
    wrong = (truth != prediction) & (truth != IGNORED)
    picture[wrong] = _blend(grey[wrong], np.array(WRONG), 0.8)
    return _hatch(picture, truth == IGNORED)


def _hatch(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Paint grey diagonal stripes over the pixels `where`, bool (H, W); changes and returns `picture`."""
    if where.any():
        rows, columns = np.ogrid[: where.shape[0], : where.shape[1]]
        period = max(8, 2 * (max(where.shape) // 80))
        stripes = np.where((rows + columns) % period < period // 4, 90, 185)[..., None]
        picture[where] = _blend(picture, stripes, 0.7)[where]
    return picture


def _rim(labels: np.ndarray) -> np.ndarray:
    """Pixels of a region that touch another label, bool (H, W); thicker on large photos."""
    side = 2 * max(1, round(max(labels.shape) / 500)) + 1
    kernel = np.ones((side, side), np.uint8)
    return cv2.dilate(labels, kernel) != cv2.erode(labels, kernel)


def _grey(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def _blend(base: np.ndarray, colour: np.ndarray, alpha: float) -> np.ndarray:
    return (base * (1 - alpha) + colour * alpha).round().astype(np.uint8)


def _scale(picture: np.ndarray, height: int, width: int, interpolation: int) -> np.ndarray:
    return cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=interpolation)


def _lab(rgb: np.ndarray) -> np.ndarray:
    """CIE Lab of colours uint8 (N, 3), float32 (N, 3)."""
    return cv2.cvtColor(rgb[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]


@lru_cache
def font() -> Font:
    """The first of `FONTS` that this machine has, else Pillow's own."""
    for name in FONTS:
        try:
            return ImageFont.truetype(name, FONT_PX)
        except OSError:
            continue
    return ImageFont.load_default(FONT_PX)


def legible(text: str) -> str:
    """Replace what the font cannot show by its ASCII form or by `?`, control characters included."""
    return "".join(_legible_character(character) for character in text)


@lru_cache(maxsize=4096)
def _legible_character(character: str) -> str:
    if not character.isprintable():
        return "?"
    if character.isascii() or bytes(font().getmask(character)) != bytes(font().getmask("\U0010ffff")):
        return character
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain if plain.isprintable() and plain else "?"


def _shortened(text: str, width: int) -> str:
    """Cut a text that is longer than `width` px."""
    while text and font().getlength(text) > width:
        text = text[:-2].rstrip("…") + "…" if len(text) > 2 else ""
    return text
