"""Texts within PNG files: by them a picture of ours is known, and only such a one may give way."""

from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from trashseg_core.disk.regular import open_regular


def png_text(key: str, text: str) -> PngInfo:
    """What Pillow writes into a PNG as `pnginfo`."""
    info = PngInfo()
    info.add_text(key, text)
    return info


def read_png_text(path: Path, key: str) -> str:
    """The text under a key; empty where a file holds none, or is no PNG."""
    try:
        with open_regular(path) as stream, Image.open(stream, formats=("PNG",)) as picture:
            return str(picture.info.get(key, ""))
    except (OSError, ValueError, SyntaxError):
        return ""
