"""Mutations of bytes, whatever they mean."""

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

PIECES = (
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\n",
    b"\r\n",
    b" ",
    b",",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"-",
    b"1e999",
)
PIECES += (b"NaN", b"\xed\xa0\x80", b"\xc3", b"9" * 5_000, b"\\u0000", b"\x00" * 64, b"\xff" * 64, b"null", b"../")


def mutate_bytes(draw: DrawFn, content: bytes) -> tuple[bytes, str]:
    """Change bytes at one place; the new content, and what was done."""
    size = len(content)
    place = draw(st.integers(0, size))
    length = draw(st.sampled_from((1, 2, 3, 8, 64, 1000, size)))
    match draw(st.integers(0, 8)):
        case 0:
            return content[:place], f"cut at {place}"
        case 1:
            return content[place:], f"the first {place} bytes gone"
        case 2 | 3:
            piece = draw(st.sampled_from(PIECES))
            return content[:place] + piece + content[place:], f"{piece[:8]!r} put in at {place}"
        case 4:
            return content[:place] + content[place + length :], f"{length} bytes gone at {place}"
        case 5:
            return content[:place] + bytes(len(content[place : place + length])) + content[place + length :], (
                f"{length} zeros at {place}"
            )
        case 6:
            part = content[place : place + length]
            times = draw(st.sampled_from((2, 3, 20)))
            return content[:place] + part * times + content[place + length :], f"{length} bytes {times} x at {place}"
        case 7:
            source = draw(st.integers(0, size))
            part = content[source : source + length]
            return content[:place] + part + content[place + len(part) :], f"{length} bytes of {source} over {place}"
        case _:
            flips = draw(
                st.lists(st.tuples(st.integers(0, max(size - 1, 0)), st.integers(0, 7)), min_size=1, max_size=8)
            )
            changed = bytearray(content)
            for index, bit in flips if size else []:
                changed[index] ^= 1 << bit
            return bytes(changed), f"{len(flips)} bits flipped, one at {flips[0][0]}"
