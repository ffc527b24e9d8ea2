"""Remnants: crumbs of an object that a pasted one covers."""

import cv2
import numpy as np

from trashseg_core.data.label_maps import IGNORED

MIN_SIDE = 1 / 32
"""A remnant of fewer pixels than a square of this share of the sample's side is a crumb: 16 px of 128 x 128."""
TOUCHING = np.ones((3, 3), np.uint8)


def ignore_remnants(labels: np.ndarray, top: int, left: int, lost: np.ndarray) -> None:
    """Set the crumbs that a paste left of the objects below to 255; nobody could tell their class.

    A crumb is a connected part of a class that lost pixels to the paste, touches them, and is now smaller than the
    square of `MIN_SIDE`. What was that small before stays.

    Args:
        labels: uint8 (S, S) after the paste; changed in place.
        top: first row of the window that was pasted into; `left`: its first column.
        lost: uint8 (h, w), the labels before the paste of the pixels that were pasted over, elsewhere 0.
    """
    side = max(2, round(MIN_SIDE * labels.shape[0]))
    first_row, first_column = max(0, top - side), max(0, left - side)
    near = labels[first_row : top + lost.shape[0] + side, first_column : left + lost.shape[1] + side]
    covered = lost
    while label := int(covered.max()):
        covered = cv2.threshold(covered, label - 1, 0, cv2.THRESH_TOZERO_INV)[1]
        remaining = (near == label).view(np.uint8)
        outlines, tree = cv2.findContours(remaining, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        for number, outline in enumerate(outlines):
            if cv2.contourArea(outline) < side * side and tree[0, number, 3] < 0:  # no hole; it may go on beyond
                column, row = outline[0, 0].tolist()
                seed = (first_column + column, first_row + row)
                _ignore_crumb(labels, seed, (lost == label).view(np.uint8), top, left, side * side)


def _ignore_crumb(labels: np.ndarray, seed: tuple[int, int], lost: np.ndarray, top: int, left: int, least: int) -> None:
    """Ignore the part around a pixel (column, row) if it has fewer than `least` pixels and touches lost ones."""
    framed = np.zeros((labels.shape[0] + 2, labels.shape[1] + 2), np.uint8)
    flags = 8 | cv2.FLOODFILL_MASK_ONLY  # 8 neighbours
    area, _, _, (column, row, width, height) = cv2.floodFill(labels, framed, seed, 0, flags=flags)
    if area < least:
        box = np.s_[row : row + height + 2, column : column + width + 2]
        gone = np.zeros_like(framed)
        gone[top + 1 :, left + 1 :][: lost.shape[0], : lost.shape[1]] = lost
        if (cv2.dilate(framed[box], TOUCHING) & gone[box]).any():
            labels[framed[1:-1, 1:-1].view(bool)] = IGNORED
