"""Square: a photo and its labels, fitted into the square at which the cache keeps them."""

from typing import NamedTuple

import numpy as np


class Square(NamedTuple):
    """A raw photo, S px a side; its arrays may be memory-mapped and are never written to."""

    image: np.ndarray
    """uint8 (S, S, 3), RGB, padded to the right and below"""
    labels: np.ndarray
    """uint8 (S, S); 255 = ignored, padding included"""
    extent: tuple[int, int]
    """height and width in px that the photo fills"""
