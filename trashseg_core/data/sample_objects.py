"""Pieces of trash, drawn procedurally: a silhouette and its picture per category."""

import math
from collections.abc import Callable

import numpy as np

from trashseg_core.data.sample_canvas import Canvas, blob, box, ellipse, profile, smooth

# (y, half width) from top to bottom of what is symmetric
BOTTLE = [(-1, 0.1), (-0.85, 0.1), (-0.84, 0.08), (-0.78, 0.09), (-0.5, 0.27), (-0.4, 0.29), (0.12, 0.25), (0.24, 0.29)]
BOTTLE += [(0.93, 0.29), (1, 0.22)]
CUP = [(-0.9, 0.55), (-0.84, 0.58), (-0.78, 0.58), (-0.77, 0.53), (0.88, 0.36), (0.93, 0.33)]
FLASK = [(-1, 0.1), (-0.93, 0.115), (-0.9, 0.09), (-0.5, 0.1), (-0.22, 0.26), (-0.12, 0.29), (0.94, 0.29), (1, 0.25)]
JAR = [(-0.8, 0.4), (-0.62, 0.4), (-0.6, 0.37), (-0.48, 0.5), (0.72, 0.5), (0.8, 0.44)]
CAN = [(-0.88, 0.4), (-0.82, 0.42), (-0.73, 0.5), (0.75, 0.5), (0.85, 0.42), (0.88, 0.38)]
CARTON = [(-1, 0.4), (-0.83, 0.4), (-0.82, 0.35), (-0.5, 0.43), (0.9, 0.43)]
CELL = [(-1, 0.1), (-0.91, 0.1), (-0.9, 0.29), (0.98, 0.29)]
# (x, y) outlines of what is not
SOCK = [(-0.42, -0.95), (0.1, -0.95), (0.12, 0.15), (0.62, 0.42), (0.78, 0.68), (0.6, 0.86), (0.3, 0.86), (-0.34, 0.6)]
SHIRT = [(-0.28, -0.78), (-0.1, -0.68), (0.1, -0.68), (0.28, -0.78), (0.62, -0.62), (0.95, -0.1), (0.68, 0.06)]
SHIRT += [(0.5, -0.16), (0.52, 0.85), (-0.52, 0.85), (-0.5, -0.16), (-0.68, 0.06), (-0.95, -0.1), (-0.62, -0.62)]
TROUSERS = [(-0.4, -0.95), (0.4, -0.95), (0.56, 0.88), (0.16, 0.92), (0, -0.25), (-0.16, 0.92), (-0.56, 0.88)]
BAG = [(-0.42, -0.95), (-0.24, -0.92), (-0.2, -0.5), (0.2, -0.5), (0.24, -0.92), (0.42, -0.95), (0.55, -0.45)]
BAG += [(0.78, 0.1), (0.72, 0.62), (0.3, 0.8), (-0.3, 0.8), (-0.72, 0.62), (-0.78, 0.1), (-0.55, -0.45)]


def general_trash(canvas: Canvas) -> None:
    """Draw a crumpled brown or grey lump, or a cigarette stub."""
    if canvas.chance(0.35):
        return cigarette(canvas)
    tone = canvas.pick([(0.36, 0.25, 0.16), (0.47, 0.36, 0.24), (0.4, 0.39, 0.37), (0.28, 0.27, 0.25)])
    canvas.body(blob(canvas.rng, 22, 0.2, 0.85), canvas.jitter(tone))
    canvas.shade(canvas.facets(16, 0.5))
    canvas.shade(1 + 0.25 * canvas.noise(7))
    for _ in range(4):
        canvas.fill(canvas.spot(0.08, 0.2), canvas.pick([(0.6, 0.42, 0.2), (0.2, 0.15, 0.1), (0.7, 0.66, 0.55)]), 0.6)
    canvas.rim(0.5)


def cigarette(canvas: Canvas) -> None:
    """Draw a cigarette stub: filter, paper, ash."""
    canvas.body(canvas.rough(box(0.19, 0.95), 2, 0.03), (0.92, 0.91, 0.87))
    canvas.fill(box(0.5, 0.36, (0, 0.62)), canvas.jitter((0.82, 0.55, 0.27)))
    canvas.fill(box(0.5, 0.14, (0, -0.86)), (0.2, 0.19, 0.18), 0.9)
    canvas.line([(-0.3, 0.24), (0.3, 0.24)], (0.6, 0.4, 0.15), 0.04)
    canvas.cylinder(0.22, 0.4)


def paper(canvas: Canvas) -> None:
    """Draw a crumpled sheet: white, newsprint or cardboard, sometimes printed."""
    white, grey, brown = (0.88, 0.88, 0.86), (0.77, 0.75, 0.7), (0.66, 0.5, 0.33)
    tone = canvas.pick([white, white, grey, brown])
    half_width = canvas.between(0.38, 0.72)
    canvas.body(canvas.rough(box(half_width, 0.72), 6, 0.045), canvas.jitter(tone))
    if canvas.chance(0.45):
        ink = canvas.pick([(0.25, 0.25, 0.3), (0.25, 0.25, 0.3), (0.7, 0.2, 0.2), (0.2, 0.3, 0.65)])
        for y in np.arange(-0.5, 0.5, 0.13):
            canvas.line([(-half_width * 0.7, y), (half_width * canvas.between(0.1, 0.7), y)], ink, 0.035, 0.55)
    canvas.shade(canvas.facets(14, canvas.between(0.12, 0.3)))
    canvas.rim(0.8)


def paper_pack(canvas: Canvas) -> None:
    """Draw a drink carton with a gable, its front printed."""
    print_color, second = canvas.vivid(), canvas.vivid()
    canvas.body(canvas.rough(profile(CARTON), 1, 0.02), canvas.jitter((0.94, 0.93, 0.9)))
    canvas.fill(box(0.6, canvas.between(0.18, 0.4), (0, 0.7)), print_color)
    canvas.fill(box(0.6, 0.17, (0, -0.66)), print_color, 0.85)
    canvas.fill(ellipse(0.24, 0.2, (0, canvas.between(-0.05, 0.15))), second)
    for y in (-0.33, -0.24):
        canvas.line([(-0.3, y), (canvas.between(0, 0.3), y)], print_color, 0.06)
    canvas.shade(1 - 0.28 * (canvas.x > 0.22) * (canvas.y > -0.5))
    canvas.shade(1 - 0.18 * (canvas.y < -0.5) + 0.22 * (canvas.y < -0.83))
    canvas.line([(-0.43, -0.5), (0.43, -0.5)], (0.35, 0.33, 0.3), 0.025, 0.7)
    canvas.line([(-0.36, -0.82), (0, -0.52), (0.36, -0.82)], (0.35, 0.33, 0.3), 0.025, 0.5)
    canvas.shade(canvas.facets(6, 0.1))
    canvas.rim(0.8)


def metal(canvas: Canvas) -> None:
    """Draw a drink can from the side (often dented) or from above."""
    if canvas.chance(0.35):
        return can_top(canvas)
    dent = canvas.between(0, 0.06)
    canvas.body(canvas.rough(profile(CAN), 2, dent), (0.74, 0.75, 0.77))
    print_color = canvas.vivid()
    canvas.fill(box(0.6, 0.74), print_color, 0.92)
    wave = [(x, 0.25 * math.sin(3 * x) + canvas.between(-0.1, 0.1)) for x in np.linspace(-0.6, 0.6, 9)]
    canvas.line(wave, canvas.pick([(0.95, 0.95, 0.95), (0.9, 0.8, 0.2), (0.1, 0.1, 0.15)]), 0.26)
    canvas.shade(canvas.facets(8, 4 * dent))
    canvas.cylinder(0.5, 0.55)
    for x, width, strength in ((-0.24, 0.09, 0.85), (0.3, 0.05, 0.45)):
        canvas.glow(np.exp(-(((canvas.x - x) / width) ** 2)) * strength * (np.abs(canvas.y) < 0.8))
    canvas.rim(0.6)


def can_top(canvas: Canvas) -> None:
    """Draw the lid of a can: rim, opening, tab."""
    canvas.body(ellipse(0.62, 0.6), (0.7, 0.71, 0.73))
    canvas.fill(ellipse(0.53, 0.51), (0.52, 0.53, 0.55))
    canvas.fill(ellipse(0.49, 0.47), (0.76, 0.77, 0.79))
    canvas.fill(ellipse(0.17, 0.14, (0, -0.25)), (0.1, 0.1, 0.1), float(canvas.chance(0.6)))
    canvas.fill(ellipse(0.12, 0.2, (0, 0.08)), (0.9, 0.9, 0.92))
    canvas.fill(ellipse(0.06, 0.09, (0, 0.14)), (0.4, 0.4, 0.42))
    canvas.shade(1 + 0.3 * np.cos(2 * np.arctan2(canvas.y, canvas.x) + canvas.between(0, 6)))
    canvas.rim(0.5)


def glass(canvas: Canvas) -> None:
    """Draw a green, brown or clear bottle or jar, glossy, with a highlight."""
    green, brown, clear = (0.12, 0.4, 0.17), (0.36, 0.19, 0.06), (0.72, 0.82, 0.82)
    tone = canvas.pick([green, brown, brown, clear])
    jar = canvas.chance(0.25)
    half_width = 0.5 if jar else 0.29
    canvas.body(smooth(profile(JAR if jar else FLASK)), canvas.jitter(tone), 0.5 if tone == clear else 0.86)
    edge = np.clip(np.abs(canvas.x) / half_width, 0, 1) ** 4
    canvas.shade(1.1 - 0.55 * edge)
    if jar:
        canvas.fill(box(0.42, 0.1, (0, -0.72)), canvas.pick([(0.75, 0.65, 0.2), (0.7, 0.1, 0.1), (0.75, 0.75, 0.77)]))
    if canvas.chance(0.45):
        canvas.fill(box(half_width, 0.26, (0, 0.35)), canvas.pick([(0.9, 0.87, 0.78), (0.75, 0.15, 0.15)]), 0.9)
        canvas.line([(-half_width * 0.5, 0.3), (half_width * 0.5, 0.3)], (0.2, 0.2, 0.2), 0.06, 0.8)
    x = -0.45 * half_width
    canvas.line([(x, -0.05), (x, 0.8)], (1, 1, 1), 0.08, 0.75)
    canvas.rim(0.45)


def plastic(canvas: Canvas) -> None:
    """Draw a drink bottle with cap and label, or a cup."""
    if canvas.chance(0.35):
        return cup(canvas)
    outline = smooth(canvas.rough(profile(BOTTLE), 1, 0.012))
    canvas.body(outline, canvas.jitter((0.74, 0.84, 0.9)), canvas.between(0.5, 0.7))
    canvas.shade(1 + 0.12 * np.sin(34 * canvas.y) * (canvas.y > 0.1))
    canvas.shade(1.08 - 0.4 * np.clip(np.abs(canvas.x) / 0.29, 0, 1) ** 3)
    canvas.fill(box(0.3, 0.2, (0, -0.12)), canvas.vivid(), float(canvas.chance(0.75)))
    canvas.fill(box(0.2, 0.08, (0, -0.93)), canvas.vivid())
    for x in (-0.16, 0.12):
        canvas.line([(x, -0.4), (x + 0.02, 0.85)], (1, 1, 1), 0.045, 0.55)
    canvas.rim(0.65)


def cup(canvas: Canvas) -> None:
    """Draw a translucent cup with a lid and a rest of its drink."""
    canvas.body(profile(CUP), canvas.jitter((0.84, 0.88, 0.9)), 0.62)
    level = canvas.between(-0.1, 0.7)
    drink = canvas.pick([(0.34, 0.2, 0.11), (0.75, 0.4, 0.15), (0.8, 0.75, 0.68)])
    canvas.fill([(-0.6, level), (0.6, level), (0.6, 1), (-0.6, 1)], drink, 0.75)
    canvas.fill(box(0.6, 0.06, (0, -0.83)), canvas.pick([(0.95, 0.95, 0.95), (0.15, 0.15, 0.15), canvas.vivid()]), 0.9)
    canvas.cylinder(0.52, 0.35)
    canvas.line([(-0.3, -0.7), (-0.2, 0.75)], (1, 1, 1), 0.08, 0.6)
    canvas.rim(0.65)


def styrofoam(canvas: Canvas) -> None:
    """Draw a white foam tray seen from above, or a broken block."""
    half_width = canvas.between(0.45, 0.7)
    tray = canvas.chance(0.55)
    sheet = box(half_width, 0.7)
    outline = smooth(sheet, 4) if tray else canvas.rough(sheet, 5, 0.03)
    canvas.body(outline, canvas.jitter((0.91, 0.92, 0.92)))
    if tray:
        canvas.fill(smooth(box(half_width - 0.13, 0.57), 4), (0.74, 0.75, 0.76))
        canvas.fill(smooth(box(half_width - 0.2, 0.5, (0.02, 0.03)), 4), (0.87, 0.88, 0.88))
    else:
        canvas.fill(box(1, canvas.between(0.1, 0.25), (0, 0.7)), (0.72, 0.73, 0.74), 0.9)
    for _ in range(2):
        canvas.fill(canvas.spot(0.02, 0.06), (0.5, 0.45, 0.38), 0.5)
    canvas.shade(1 + 0.11 * canvas.noise(22))
    canvas.rim(0.75)


def plastic_bag(canvas: Canvas) -> None:
    """Draw a thin bag: a soft, translucent blob with folds, often with handles."""
    white, blue, black = (0.93, 0.93, 0.95), (0.65, 0.78, 0.9), (0.12, 0.12, 0.14)
    tone = canvas.pick([white, white, blue, black, (0.95, 0.8, 0.25), (0.9, 0.5, 0.55)])
    outline = canvas.rough(BAG, 1, 0.06) if canvas.chance(0.55) else blob(canvas.rng, 14, 0.16, 0.8)
    canvas.body(smooth(outline), canvas.jitter(tone), 0.88 if tone == black else canvas.between(0.5, 0.8))
    folds = np.sin(7 * canvas.noise(3) + 5 * canvas.x * canvas.between(0.5, 1.5))
    canvas.shade(1 + 0.14 * folds)
    canvas.glow(0.65 * np.clip(folds - 0.8, 0, 1) * 4 * np.clip(canvas.noise(5) + 0.3, 0, 1))
    knot = (canvas.between(-0.2, 0.2), canvas.between(-0.45, -0.2))
    for angle in canvas.rng.uniform(0.2, 2.9, 6):
        tip = (knot[0] + 0.8 * math.cos(angle), knot[1] + 0.8 * math.sin(angle))
        bow = (0.5 * (knot[0] + tip[0]) + canvas.between(-0.12, 0.12), 0.5 * (knot[1] + tip[1]))
        canvas.line([knot, bow, tip], canvas.pick([(1, 1, 1), (0.35, 0.35, 0.38)]), 0.025, 0.35)
    canvas.rim(0.8)


def battery(canvas: Canvas) -> None:
    """Draw a small cell: two colours and a nub."""
    upper, lower = canvas.pick([((0.78, 0.5, 0.25), (0.1, 0.1, 0.11)), ((0.8, 0.66, 0.25), (0.1, 0.3, 0.16))])
    canvas.body(profile(CELL), lower)
    canvas.fill(box(0.3, 0.31, (0, -0.6)), canvas.jitter(upper))
    canvas.fill(box(0.3, 0.05, (0, -0.93)), (0.8, 0.8, 0.8))
    canvas.fill(box(0.3, 0.04, (0, 0.96)), (0.75, 0.75, 0.75))
    canvas.line([(-0.02, 0), (-0.02, 0.6)], (0.85, 0.85, 0.85), 0.08, 0.7)
    canvas.cylinder(0.29, 0.55)
    canvas.glow(0.6 * np.exp(-(((canvas.x + 0.12) / 0.05) ** 2)))
    canvas.rim(0.6)


def clothing(canvas: Canvas) -> None:
    """Draw a T-shirt, a sock or trousers of plain or striped fabric."""
    garment = canvas.pick([SHIRT, SHIRT, SOCK, TROUSERS])
    canvas.body(smooth(canvas.rough(garment, 1, 0.02), 2), canvas.vivid())
    if canvas.chance(0.65):
        color, step = canvas.vivid(), canvas.between(0.2, 0.34)
        for y in np.arange(-0.9, 1, step):
            canvas.line([(-1, y + canvas.between(-0.02, 0.02)), (1, y)], color, step * 0.4, 0.85)
    canvas.shade(1 + 0.22 * np.sin(4 * canvas.noise(3)))
    canvas.shade(1 + 0.08 * canvas.noise(30))
    canvas.rim(0.6)


def heap(canvas: Canvas) -> None:
    """Draw a heap of scraps too many to count: the crowd region of a photo."""
    canvas.body(blob(canvas.rng, 20, 0.15, 0.85), (0.4, 0.34, 0.27))
    for _ in range(60):
        scrap = canvas.pick([(0.85, 0.85, 0.82), (0.6, 0.46, 0.3), (0.35, 0.3, 0.26), (0.6, 0.6, 0.58)])
        canvas.fill(canvas.spot(0.1, 0.24), canvas.jitter(canvas.vivid() if canvas.chance(0.12) else scrap))
    canvas.shade(canvas.facets(30, 0.4))
    canvas.rim(0.6)


# name: (how it is drawn, smallest and largest radius as a share of the photo's side)
OBJECTS: dict[str, tuple[Callable[[Canvas], None], tuple[float, float]]] = {
    "General trash": (general_trash, (0.07, 0.15)),
    "Paper": (paper, (0.13, 0.28)),
    "Paper pack": (paper_pack, (0.14, 0.25)),
    "Metal": (metal, (0.1, 0.17)),
    "Glass": (glass, (0.15, 0.28)),
    "Plastic": (plastic, (0.14, 0.27)),
    "Styrofoam": (styrofoam, (0.13, 0.28)),
    "Plastic bag": (plastic_bag, (0.17, 0.33)),
    "Battery": (battery, (0.07, 0.11)),
    "Clothing": (clothing, (0.18, 0.32)),
    "heap": (heap, (0.16, 0.24)),
}
