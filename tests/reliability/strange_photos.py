"""Files that stand where a photo should: kinds that are rare, damaged ones, and bombs. All as bytes, made here."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 30, 40
RGB = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8).repeat(1, axis=0)
ORIENTATION = 0x0112


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The file of a picture."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def picture(mode: str = "RGB") -> Image.Image:
    """A picture of 40 x 30 px in one of Pillow's modes."""
    return Image.fromarray(RGB).convert(mode)


def frames() -> list[Image.Image]:
    """Three frames, the first of them `RGB`."""
    return [Image.fromarray(np.roll(RGB, step, axis=0)) for step in range(3)]


def animated(kind: str, **options: Any) -> bytes:
    """An animation of three frames."""
    first, *rest = frames()
    return encoded(first, kind, save_all=True, append_images=rest, duration=50, **options)


def turned(orientation: int, kind: str = "JPEG") -> bytes:
    """A picture with an EXIF orientation."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encoded(picture(), kind, exif=exif)


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(height: int, width: int, extra: bytes = b"", bits: int = 1, pixels: bool = True) -> bytes:
    """A black grey PNG of any size, of few bytes."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0))
    row = bytes(1 + (width * bits + 7) // 8)
    packer, data = zlib.compressobj(1), []
    for start in range(0, height if pixels else 0, 1000):
        data.append(packer.compress(row * min(1000, height - start)))
    body = chunk(b"IDAT", b"".join(data) + packer.flush()) if pixels else b""
    return b"\x89PNG\r\n\x1a\n" + header + extra + body + chunk(b"IEND", b"")


def zeros(megabytes: int) -> bytes:
    """So many megabytes of zeros, deflated."""
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(megabytes)) + packer.flush()


def tiff(entries: Sequence[tuple[int, int]], data: bytes = bytes(WIDTH * HEIGHT), following: int = 0) -> bytes:
    """A TIFF of one directory, at 8; its pixels come behind.

    Args:
        entries: (tag, value) besides the size and the place of the pixels, ascending.
        following: offset of the next directory; 8 makes an endless loop.
    """
    place = 8 + 2 + 12 * (len(entries) + 8) + 4
    tags = {256: WIDTH, 257: HEIGHT, 258: 8, 259: 1, 262: 1, 273: place, 277: 1, 279: len(data), **dict(entries)}
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + body + struct.pack("<I", following)
    return head.ljust(place, b"\0") + data


def patched(data: bytes, before: bytes, after: bytes) -> bytes:
    """A file with some of its bytes changed."""
    assert before in data
    return data.replace(before, after, 1)


def jpeg_of(height: int, width: int) -> bytes:
    """A small JPEG whose header states another size."""
    data = encoded(picture(), "JPEG")
    return patched(data, struct.pack(">HH", HEIGHT, WIDTH), struct.pack(">HH", height, width))


def flipped(data: bytes, place: float) -> bytes:
    """A file with one bit changed, at a place from 0 to 1."""
    index = int(len(data) * place)
    return data[:index] + bytes([data[index] ^ 16]) + data[index + 1 :]


def cut(data: bytes, share: int) -> bytes:
    """The first so many percent of a file."""
    return data[: len(data) * share // 100]


def png_in_parts() -> bytes:
    """A PNG whose pixels lie in two chunks, the first of them with a wrong checksum."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0))
    pixels = zlib.compress(bytes(HEIGHT * (1 + WIDTH)))
    first = chunk(b"IDAT", pixels[:9])[:-1] + b"?"
    return b"\x89PNG\r\n\x1a\n" + header + first + chunk(b"IDAT", pixels[9:]) + chunk(b"IEND", b"")


def gif_65535() -> bytes:
    """A GIF that states the largest size there is."""
    header = struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
    return b"GIF89a" + header + b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\2\1\0\0;"


def bmp_2_to_30() -> bytes:
    """A BMP that states an absurd size."""
    stated = struct.pack("<ii", WIDTH, HEIGHT), struct.pack("<ii", 2**30, 2**30)
    return patched(encoded(picture(), "BMP"), *stated)


DEEP = (np.arange(WIDTH * HEIGHT, dtype=np.uint16) * 54).reshape(HEIGHT, WIDTH)
GOOD: dict[str, Callable[[], bytes]] = {
    **{f"png-{mode}": lambda mode=mode: encoded(picture(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA")},
    "png-transparent-colour": lambda: encoded(picture("RGB"), "PNG", transparency=(1, 2, 3)),
    "png-transparent-palette": lambda: encoded(picture("P"), "PNG", transparency=0),
    "png-16-bit": lambda: encoded(Image.fromarray(DEEP), "PNG"),
    "apng": lambda: animated("PNG"),
    **{f"jpeg-{mode}": lambda mode=mode: encoded(picture(mode), "JPEG") for mode in ("L", "RGB", "CMYK")},
    "jpeg-progressive": lambda: encoded(picture(), "JPEG", progressive=True),
    "jpeg-with-profile": lambda: encoded(picture(), "JPEG", icc_profile=b"no profile"),
    "jpeg-with-more-behind": lambda: encoded(picture(), "JPEG") + b"<?php system('id') ?>" * 9,
    "mpo": lambda: animated("MPO"),
    "tiff": lambda: encoded(picture(), "TIFF"),
    "tiff-16-bit": lambda: encoded(Image.fromarray(DEEP), "TIFF"),
    "tiff-cmyk": lambda: encoded(picture("CMYK"), "TIFF"),
    "tiff-deflated": lambda: encoded(picture(), "TIFF", compression="tiff_adobe_deflate"),
    "tiff-of-pages": lambda: animated("TIFF"),
    "tiff-endless-directories": lambda: tiff([], following=8),
    "webp": lambda: encoded(picture(), "WEBP"),
    "webp-alpha": lambda: encoded(picture("RGBA"), "WEBP", lossless=True),
    "webp-animated": lambda: animated("WEBP", lossless=True),
    "gif-animated": lambda: animated("GIF"),
    "bmp": lambda: encoded(picture(), "BMP"),
    **{f"exif-{orientation}": lambda orientation=orientation: turned(orientation) for orientation in range(1, 9)},
    "exif-nonsense": lambda: encoded(picture(), "JPEG", exif=b"Exif\0\0MM\0*" + b"\xff" * 40),
    "exif-99": lambda: turned(99),
}
DAMAGED: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "one-byte": lambda: b"\xff",
    "zeros": lambda: bytes(4096),
    "text": lambda: b"not a photo\n",
    "html": lambda: b"<!doctype html><html><body>404</body></html>",
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><script>alert(1)</script></svg>',
    "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 3\n%%EndComments\n(%pipe%touch ran) (w) file",
    "git-lfs": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
    "zip": lambda: b"PK\x03\x04" + bytes(60),
    "psd": lambda: b"8BPS\0\x01" + bytes(6) + struct.pack(">HIIHH", 3, HEIGHT, WIDTH, 8, 3) + bytes(12 + 2 + 4000),
    "tga": lambda: encoded(picture(), "TGA"),
    "ppm": lambda: encoded(picture(), "PPM"),
    "float-tiff": lambda: encoded(picture("F"), "TIFF"),
    **{
        f"{kind}-cut-at-{share}": lambda kind=kind, share=share: cut(encoded(picture(), kind), share)
        for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")
        for share in (2, 50, 90)
    },
    "png-flipped-bit": lambda: flipped(encoded(picture(), "PNG", compress_level=0), 0.5),
    "png-flipped-checksum": lambda: flipped(encoded(picture(), "PNG"), 0.995),
    "png-checksum-of-a-part": png_in_parts,
    "png-without-pixels": lambda: png(HEIGHT, WIDTH, pixels=False),
    "png-of-no-width": lambda: png(HEIGHT, 0),
    "png-signature-only": lambda: b"\x89PNG\r\n\x1a\n" + bytes(40),
    "png-chunk-of-4-gb": lambda: b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**32 - 1) + b"IHDR" + bytes(99),
    "jpeg-of-no-height": lambda: jpeg_of(0, WIDTH),
    "tiff-of-no-pixels": lambda: tiff([], data=b""),
    "tiff-beyond-its-end": lambda: tiff([(273, 2**31)]),
    "tiff-of-1e9-samples": lambda: tiff([(277, 10**9)]),
    "tiff-directory-beyond": lambda: b"II*\0" + struct.pack("<I", 2**31),
    "gif-without-frames": lambda: b"GIF89a" + struct.pack("<HHBBB", WIDTH, HEIGHT, 0, 0, 0) + b";",
}  # fmt: skip
BOMBS: dict[str, tuple[int, int, Callable[[], bytes]]] = {
    "png-30000": (30000, 30000, lambda: png(30000, 30000)),
    "png-14000": (14000, 14000, lambda: png(14000, 14000, bits=8)),
    "png-2-to-31": (2**31 - 1, 2**31 - 1, lambda: png(2**31 - 1, 2**31 - 1, pixels=False)),
    "png-text": (HEIGHT, WIDTH, lambda: png(HEIGHT, WIDTH, chunk(b"zTXt", b"a\0\0" + zeros(200)))),
    "png-texts": (HEIGHT, WIDTH, lambda: png(HEIGHT, WIDTH, chunk(b"zTXt", b"a\0\0" + zeros(1)) * 500)),
    "png-profile": (HEIGHT, WIDTH, lambda: png(HEIGHT, WIDTH, chunk(b"iCCP", b"a\0\0" + zeros(200)))),
    "jpeg-65500": (65500, 65500, lambda: jpeg_of(65500, 65500)),
    "gif-65535": (65535, 65535, gif_65535),
    "bmp-2-to-30": (2**30, 2**30, bmp_2_to_30),
    "tiff-2-to-31": (2**31, 2**31, lambda: tiff([(256, 2**31), (257, 2**31)])),
    "tiff-tile": (HEIGHT, WIDTH, lambda: tiff([(259, 5), (322, 60000), (323, 60000), (324, 200), (325, 99)])),
}  # fmt: skip
