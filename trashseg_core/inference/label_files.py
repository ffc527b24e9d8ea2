"""Files of a photo's prediction: a label map knows which ensemble made it, and of which photo."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from trashseg_core.disk.files import atomic_bytes, file_digest
from trashseg_core.disk.png_text import png_text, read_png_text
from trashseg_core.errors import BadInput
from trashseg_core.inference.ensemble_predict import Prediction

MARK = "trashseg"
"""Key of the PNG's text: digests of the ensemble and of the photo."""
REMEDY = "Give another `--out`, or remove what lies there."


def mark_of(ensemble: str, photo: Path) -> str:
    """What a label map says of its origin.

    Args:
        ensemble: digest of the ensemble's description.
    """
    return f"{ensemble} {file_digest(photo)}"


def is_made(target: Path, ensemble: str, photo: Path) -> bool:
    """Whether a label map is there that this ensemble made of this photo; one of the photo's older content is not.

    Raises:
        BadInput: what is there is of another ensemble, or none of ours.
    """
    if not target.exists():
        return False
    mark = read_png_text(target, MARK)
    if not mark.startswith(f"{ensemble} "):
        raise BadInput(f"{target}: no label map, or one of another ensemble or an older version. {REMEDY}")
    return mark == mark_of(ensemble, photo)


def write_prediction(stem: Path, prediction: Prediction, overlays: bool, mark: str = "") -> None:
    """Write the files of one photo, the label map last: its presence says that the photo is done."""
    from trashseg_core.inference.overlay import draw_overlay

    if overlays:
        overlay = Image.fromarray(draw_overlay(prediction.rgb, prediction.labels))
        _save(f"{stem}.overlay.jpg", lambda stream: overlay.save(stream, format="JPEG", quality=90))
    if prediction.probabilities is not None:
        halves = prediction.probabilities.astype(np.float16)
        _save(f"{stem}.probabilities.npy", lambda stream: np.save(stream, halves))
    labels, text = Image.fromarray(prediction.labels), png_text(MARK, mark)
    _save(f"{stem}.png", lambda stream: labels.save(stream, format="PNG", pnginfo=text))


def _save(name: str, write: Callable[[BinaryIO], None]) -> None:
    content = io.BytesIO()  # Pillow writes JPEGs past Python, and on a full disk leaves half of one without an error
    write(content)
    with atomic_bytes(Path(name)) as stream:
        stream.write(content.getbuffer())
