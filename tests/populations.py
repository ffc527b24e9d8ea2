"""Populations of photos whose true scores are known: long-tailed classes, objects of very different sizes."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Populations:
    """R populations of photos of C classes, each scored by K models; sampling distributions in closed form."""

    prevalence: np.ndarray
    """(R, C): share of the photos that hold the class; the two rarest 1 to 3 %."""
    log_size: np.ndarray
    """(R, C, 2): mean and deviation of the log area of a photo's objects."""
    skill: np.ndarray
    """(R, K, C, 2): the parameters of the Beta distribution of the found share of an object."""
    false_share: np.ndarray
    """(R, C): share of the photos with false positives."""
    log_false: np.ndarray
    """(R, C, 2): mean and deviation of their log area."""

    def draw(self, num_photos: int, rng: np.random.Generator) -> np.ndarray:
        """Draw photos: areas float64 (num_photos, R, K, 2, C), as `bootstrap.areas_of` makes them."""
        objects = (num_photos, *self.prevalence.shape)
        size = (rng.random(objects) < self.prevalence) * _lognormal(self.log_size, objects, rng)
        scored = (num_photos, *self.skill.shape[:3])
        hard = rng.beta(
            6, 1, (num_photos, len(self.prevalence), 1, 1)
        )  # a dark photo is hard for every model and class
        found = size[:, :, None] * rng.beta(self.skill[..., 0], self.skill[..., 1], scored) * hard
        wrong = _lognormal(self.log_false[:, None], scored, rng) * (rng.random(scored) < self.false_share[:, None])
        return np.stack([found, size[:, :, None] + wrong], axis=3)

    @property
    def iou(self) -> np.ndarray:
        """True IoU of each class: expected overlap over expected union; (R, K, C)."""
        size = (self.prevalence * _mean_of(self.log_size))[:, None]
        found = size * self.skill[..., 0] / self.skill.sum(axis=-1) * 6 / 7
        return np.asarray(found / (size + (self.false_share * _mean_of(self.log_false))[:, None]))


def make_populations(
    count: int, seed: int, models: int = 1, classes: int = 11, gaps: tuple[float, float] = (0.05, 0.05)
) -> Populations:
    """Make populations of the kind that this project is for.

    Args:
        gaps: smallest and largest deviation of the logits of the models' skills; drawn for each population.
    """
    rng = np.random.default_rng(seed)
    shape = (count, classes)
    prevalence = np.exp(rng.uniform(np.log(0.03), np.log(0.6), shape))
    prevalence[:, 0], prevalence[:, -2:] = 1, rng.uniform(0.01, 0.03, (count, 2))
    centre = rng.normal(0, 1, shape) + 3 * (np.arange(classes) == 0)
    log_size = np.stack([centre, rng.uniform(0.5, 1.3, shape)], axis=-1)
    log_false = np.stack([centre + rng.normal(-1.5, 0.7, shape), rng.uniform(0.5, 1.3, shape)], axis=-1)
    spread = np.exp(rng.uniform(*np.log(gaps), (count, 1, 1)))
    logit = rng.normal(1, 0.7, (count, 1, classes)) + spread * rng.normal(0, 1, (count, models, classes))
    logit += spread * rng.normal(0, 0.5, (count, models, 1))
    share, weight = 1 / (1 + np.exp(-logit)), rng.uniform(2, 10, (count, 1, classes))
    skill = np.stack([share * weight, (1 - share) * weight], axis=-1)
    return Populations(prevalence, log_size, skill, prevalence * rng.uniform(0.1, 0.6, shape), log_false)


def _lognormal(parameters: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    return np.exp(parameters[..., 0] + parameters[..., 1] * rng.standard_normal(shape))


def _mean_of(parameters: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(parameters[..., 0] + parameters[..., 1] ** 2 / 2))
