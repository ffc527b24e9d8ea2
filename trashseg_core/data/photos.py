"""Reading a photo: one decoder and one orientation policy for training and prediction."""

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from trashseg_core.errors import BadInput

MAX_MEGAPIXELS = 50.0
Image.MAX_IMAGE_PIXELS = None  # the cap below speaks first, with a message that helps


def read_photo(path: Path, size: tuple[int, int] | None = None, max_megapixels: float = MAX_MEGAPIXELS) -> np.ndarray:
    """Decode a photo completely to RGB.

    The EXIF orientation is ignored where the stored size is the one that the annotations know, and applied where
    only the turned size is; without a known size it is applied. Grey, palette, CMYK, alpha and 16-bit pictures are
    converted to 8-bit RGB.

    Args:
        size: (height, width) in px that the annotation file states.
        max_megapixels: photos of more than this many 10^6 px are refused before they are decoded.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        BadInput: the file is missing, not a picture, damaged, too large, or of another size than `size`.
    """
    try:
        with _open_regular(path) as stream, Image.open(stream) as image:
            width, height = image.size
            if width * height > max_megapixels * 1e6:
                raise BadInput(
                    f"{path}: {width} x {height} px is above the cap of {max_megapixels:g} megapixels. "
                    "Make it smaller, or raise the cap with `--max-megapixels`."
                )
            upright = image if size == (height, width) else ImageOps.exif_transpose(image)
            rgb = np.asarray(_to_rgb(upright))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such photo. Put it there or take its entry out of the annotation file.") from None
    except BadInput:
        raise
    except Exception as error:  # Pillow's plugins raise many kinds (OSError, SyntaxError, struct.error, …)
        reason = re.sub(r"<_io\S* name=\d+>", "it", str(error)).strip() or type(error).__name__
        raise BadInput(f"{path}: cannot be decoded ({reason}). Replace the photo.") from None
    if size is not None and rgb.shape[:2] != size:
        raise BadInput(
            f"{path}: the photo is {rgb.shape[1]} x {rgb.shape[0]} px, but the annotation file says "
            f"{size[1]} x {size[0]}. Correct one of them."
        )
    return rgb


def _open_regular(path: Path) -> BinaryIO:
    """Open a file that may have become something else since it was checked: a FIFO would wait for a writer for ever.

    Raises:
        BadInput: it is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadInput(f"{path}: not a regular file. Put the photo itself there.")
    return os.fdopen(descriptor, "rb")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.float64)
        return Image.fromarray(np.clip(deep / 257, 0, 255).round().astype(np.uint8)).convert("RGB")
    return image.convert("RGB")
