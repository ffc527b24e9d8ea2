"""Reading a photo: one decoder and one orientation policy for training and prediction."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from trashseg_core.disk.regular import NotRegular, open_regular, size_of
from trashseg_core.errors import BadInput

MAX_MEGAPIXELS = 50.0
MAX_BYTES_PER_PX = 8
"""A photo's file may have as many bytes as the largest photo without compression, at 16 bits and four channels."""
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
"""What Pillow may take a photo for. Some of its other decoders start programs (EPS) or are hardly ever looked after."""
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif")
"""Names by which photos are found in a folder."""
Image.MAX_IMAGE_PIXELS = None  # the cap below speaks first, with a message that helps
warnings.filterwarnings("ignore", module="PIL")  # what Pillow thinks of metadata keeps nobody from using the pixels
logging.getLogger("PIL").setLevel(logging.CRITICAL)  # what it cannot read it raises as well
_EIGHT_BITS = (np.arange(1 << 16) / 257).round().astype(np.uint8)
"""The byte of each 16-bit grey."""


def read_photo(path: Path, size: tuple[int, int] | None = None, max_megapixels: float = MAX_MEGAPIXELS) -> np.ndarray:
    """Decode a photo completely to RGB.

    The EXIF orientation is ignored where the stored size is the one that the annotations know, and applied where
    only the turned size is; without a known size it is applied. Grey, palette, CMYK, alpha and 16-bit pictures are
    converted to 8-bit RGB, pictures of floats refused; of an animation the first frame counts. Nothing is decoded
    that the header already rules out: memory stays within a few copies of `max_megapixels`, whatever the file says.

    Args:
        size: (height, width) in px that the annotation file states.
        max_megapixels: photos of more than this many 10^6 px are refused before they are decoded.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        BadInput: the file is missing, not a picture, damaged, too large, or of another size than `size`.
    """
    try:
        with open_picture(path, max_megapixels) as image:
            width, height = image.size
            if size is not None and size not in ((height, width), (width, height)):
                raise _of_another_size(path, (height, width), size)
            upright = image if size == (height, width) else ImageOps.exif_transpose(image)
            rgb = np.asarray(_to_rgb(upright))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such photo. Put it there or take its entry out of the annotation file.") from None
    except BadInput:
        raise
    except PermissionError:
        raise BadInput(f"{path}: may not be read (Permission denied). Make it readable.") from None
    except Exception as error:  # Pillow's plugins raise many kinds (OSError, SyntaxError, struct.error, …)
        raise BadInput(f"{path}: cannot be decoded ({_reason(error)}). Replace the photo.") from None
    if size is not None and rgb.shape[:2] != size:
        raise _of_another_size(path, (rgb.shape[0], rgb.shape[1]), size)
    return rgb


@contextmanager
def open_picture(path: Path, max_megapixels: float) -> Iterator[Image.Image]:
    """Open a picture of one of the `FORMATS`; its pixels are not decoded yet.

    Raises:
        BadInput: it is no regular file, or larger than the cap.
        OSError: it is missing or no picture.
    """
    try:
        opened = open_regular(path)
    except NotRegular as error:
        raise BadInput(f"{path}: {error}. Put the photo itself there.") from None
    with opened as stream:
        num_bytes = size_of(stream)
        if num_bytes > max_megapixels * 1e6 * MAX_BYTES_PER_PX:
            raise BadInput(
                f"{path}: a file of {num_bytes / 1e6:.0f} MB holds more than {max_megapixels:g} megapixels. "
                "Make it smaller, or raise the cap with `--max-megapixels`."
            )
        image = Image.open(stream, formats=FORMATS)
        width, height = image.size
        if width * height > max_megapixels * 1e6:
            raise BadInput(
                f"{path}: {width} x {height} px is above the cap of {max_megapixels:g} megapixels. "
                "Make it smaller, or raise the cap with `--max-megapixels`."
            )
        if image.format == "PNG":
            image.verify()  # checksums: decoding does not look at those of the pixels
            stream.seek(0)
            image = Image.open(stream, formats=("PNG",))
        yield image


def _reason(error: Exception) -> str:
    """What Pillow says, where that is meant to be read."""
    if isinstance(error, UnidentifiedImageError):
        return f"no {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    if isinstance(error, OSError | SyntaxError | ValueError) and str(error):
        return str(error)
    return "damaged"


def _of_another_size(path: Path, given: tuple[int, int], stated: tuple[int, int]) -> BadInput:
    return BadInput(
        f"{path}: the photo is {given[1]} x {given[0]} px, but the annotation file says "
        f"{stated[1]} x {stated[0]}. Correct one of them."
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("its pixels are floats, whose range nobody knows")
    if image.mode.startswith("I"):
        return Image.fromarray(_EIGHT_BITS[np.asarray(image).clip(0, 65535)]).convert("RGB")
    return image.convert("RGB")
