"""The contact sheet of augmix: training photos, the same with pasted objects, and what is labelled then."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

from experiments.results import TrialResult
from experiments.terminal import progress_line
from trashseg_core.augment.augmix import Augmix
from trashseg_core.augment.object_bank import ObjectBank, open_bank
from trashseg_core.config import TrialConfig, parse_assignments
from trashseg_core.data.cache import CachedSplit, open_split
from trashseg_core.data.folder import DataFolder
from trashseg_core.data.resize import fitted_size
from trashseg_core.disk.files import atomic_bytes
from trashseg_core.disk.png_text import png_text, read_png_text
from trashseg_core.errors import BadInput
from trashseg_core.inference.overlay import (
    FAINT,
    FONT_PX,
    GAP_PX,
    INK,
    MAX_NAME,
    PAPER,
    class_colours,
    draw_overlay,
    font,
    legible,
)

NUM_PHOTOS, TILE_PX = 6, 288
TITLES = ("photo", "with pasted objects", "labels")
SUFFIX, FILE = ".png", "augmix.png"
SOFTWARE, MADE_BY = "Software", "trashseg"
"""Keyword and text that a sheet carries: only such a picture gives way to a new one."""
FRAME = (215, 218, 222)
"""Around each tile, so that white photos end somewhere."""


def write_augmix_sheet(folder: DataFolder, path: Path, assignments: tuple[str, ...]) -> None:
    """Draw a few training photos with objects pasted in, all of them at ratio 1, and write the sheet as PNG.

    Args:
        path: the picture; an older sheet gives way.
        assignments: `field=value` of hyperparameters: image_size, augmix_classes, augmix_rarity, seed, …

    Raises:
        BadInput: the train split cannot be used, a hyperparameter is refused, or `path` cannot be written.
    """
    refuse_sheet(Path(folder.path), path)
    values: dict[str, Any] = {"augmix_ratio": 1.0, **parse_assignments(assignments)}
    _write_sheet(folder, path, TrialConfig.from_params(values))


def refuse_sheet(data: Path, path: Path) -> None:
    """Refuse a place where a sheet must not be written, before any work.

    Raises:
        BadInput: no PNG in a folder that exists, inside the data folder, or a file that is no sheet of ours.
    """
    folder = path.absolute().parent
    if path.suffix.lower() != SUFFIX or not folder.is_dir():
        raise BadInput(f"{path}: must be a file name ending in {SUFFIX} in a folder that exists.")
    if folder.resolve().is_relative_to(data.resolve()):
        raise BadInput(f"{path} lies inside {data}, which is only read. Name a file elsewhere.")
    if os.path.lexists(path) and read_png_text(path, SOFTWARE) != MADE_BY:
        raise BadInput(f"{path} is there already, but is no sheet of `check`. Name another one or remove it.")


def write_search_sheet(run_folder: Path, folder: DataFolder, results: Sequence[TrialResult]) -> None:
    """Write `augmix.png` into a run folder: what the best trial that pastes objects was shown; nothing without one.

    Args:
        results: best first.
    """
    pasting = [one.config for one in results if one.config.get("augmix_ratio", 0) and one.status != "failed"]
    if pasting:
        _write_sheet(folder, run_folder / FILE, TrialConfig.from_params({**pasting[0], "augmix_ratio": 1.0}))


def _write_sheet(folder: DataFolder, path: Path, config: TrialConfig) -> None:
    """Draw the sheet and write it atomically."""
    split = open_split(folder, "train", config.predict_size, progress_line("photos decoded"))
    sheet = draw_augmix_sheet(split, open_bank(folder, config.predict_size), config)
    try:
        with atomic_bytes(path) as stream:
            Image.fromarray(sheet).save(stream, format="PNG", pnginfo=png_text(SOFTWARE, MADE_BY))
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror}). Choose another file.") from None


def draw_augmix_sheet(split: CachedSplit, bank: ObjectBank, config: TrialConfig) -> np.ndarray:
    """Draw one row per photo: as it is, with pasted objects, with all labels; and a legend of the classes.

    The photos and what is pasted are functions of the config's seed.

    Returns:
        uint8 (height, width, 3), RGB.

    Raises:
        BadInput: `augmix_classes` lists a class that has no objects.
    """
    augmix = Augmix(config, bank, split.class_names)
    chosen = np.random.default_rng(config.seed).permutation(len(split))[:NUM_PHOTOS]
    rows = []
    for number, index in enumerate(chosen.tolist()):
        height, width = split.extent(index)
        image, labels = np.asarray(split.images[index]), np.asarray(split.labels[index])
        rng = np.random.default_rng((config.seed, number, 2))
        mixed, mixed_labels = augmix(image, labels, (height, width), rng)
        size = fitted_size(height, width, TILE_PX)
        photo, pasted = (_scaled(one[:height, :width], size, cv2.INTER_AREA) for one in (image, mixed))
        truth = _scaled(mixed_labels[:height, :width], size, cv2.INTER_NEAREST_EXACT)
        rows.append((photo, pasted, draw_overlay(pasted, truth)))
    return _lay_out(rows, _legend(split.class_names, bank))


def _scaled(picture: np.ndarray, size: tuple[int, int], shrinking: int) -> np.ndarray:
    """Resize to (height, width); colours are made larger smoothly, labels never."""
    larger = size[0] > picture.shape[0] and picture.ndim == 3
    return cv2.resize(picture, (size[1], size[0]), interpolation=cv2.INTER_CUBIC if larger else shrinking)


def _legend(class_names: list[str], bank: ObjectBank) -> list[tuple[str, tuple[int, ...]]]:
    """Text and colour of each class with its number of objects, and of ignored pixels."""
    colours, counts = class_colours(len(class_names)), np.bincount(bank.labels, minlength=len(class_names))
    entries: list[tuple[str, tuple[int, ...]]] = [
        (legible(f"{name[:MAX_NAME]}, {count} object{'s' * (count != 1)}"), tuple(colour.tolist()))
        for name, count, colour in zip(class_names[1:], counts[1:].tolist(), colours[1:], strict=True)
    ]
    return [*entries, ("ignored", (150, 150, 150))]


def _lay_out(rows: Sequence[tuple[np.ndarray, ...]], legend: list[tuple[str, tuple[int, ...]]]) -> np.ndarray:
    """Put titles, tiles and the legend on one sheet."""
    line, total = FONT_PX + 10, len(TITLES) * (TILE_PX + GAP_PX) + GAP_PX
    heights = [row[0].shape[0] + GAP_PX for row in rows]
    columns = max(1, total // (60 + round(max(font().getlength(text) for text, _ in legend))))
    sheet_height = GAP_PX + line + sum(heights) + line * -(-len(legend) // columns) + GAP_PX
    sheet = Image.new("RGB", (total, sheet_height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, title in enumerate(TITLES):
        draw.text((GAP_PX + number * (TILE_PX + GAP_PX), GAP_PX), title, fill=FAINT, font=font())
    top = GAP_PX + line
    for row, height in zip(rows, heights, strict=True):
        for number, tile in enumerate(row):
            left = GAP_PX + number * (TILE_PX + GAP_PX) + (TILE_PX - tile.shape[1]) // 2
            sheet.paste(Image.fromarray(tile), (left, top))
            draw.rectangle((left - 1, top - 1, left + tile.shape[1], top + tile.shape[0]), outline=FRAME)
        top += height
    for number, (text, colour) in enumerate(legend):
        left, y = GAP_PX + number % columns * (total // columns), top + number // columns * line
        draw.rectangle((left, y + 2, left + FONT_PX, y + 2 + FONT_PX), colour, outline=FAINT)
        draw.text((left + FONT_PX + 6, y), text, fill=INK, font=font())
    return np.asarray(sheet)
