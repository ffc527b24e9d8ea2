"""True scores: where models may really stand that scored so and so on a few photos."""

import numpy as np

PRIOR_SCALE = 1.0
"""Median of the prior of the models' true spread, in units of the noise; 2 and 4 were calibrated a little less well."""
NUM_SPREADS = 200


def draw_true_scores(
    scores: np.ndarray, deviations: np.ndarray, num_draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw the models' true scores, given what they scored: empirical Bayes (Efron and Morris, JASA 68, 1973).

    The spread of observed scores is true spread plus noise, so observed gaps are larger than true ones, and a
    simulation around the observed scores foretells too few flips. In the axes of the noise the true gaps are normal
    with one unknown deviation, whose prior is half-Cauchy (Gelman, Bayesian Analysis 1, 2006); its posterior is summed
    on a grid. Gaps that the noise cannot have made stay as they are.

    Args:
        scores: (K,), on the photos at hand.
        deviations: (B, K), of bootstrapped scores from these: the noise.

    Returns:
        float64 (num_draws, K).
    """
    drawn = deviations[rng.integers(0, len(deviations), num_draws)]
    gaps, noise = scores - scores.mean(), deviations - deviations.mean(axis=1, keepdims=True)
    variance, axes = np.linalg.eigh(noise.T @ noise / len(noise))
    variance, axes = variance[1:], axes[:, 1:]  # the first axis is that of all models together, which noise lacks
    if not variance.size or variance[-1] <= 1e-24:
        return np.asarray(scores + drawn)
    variance = np.maximum(variance, variance[-1] * 1e-12)
    along = gaps @ axes
    angles = (np.arange(NUM_SPREADS) + 0.5) / NUM_SPREADS * np.pi / 2
    spreads = (PRIOR_SCALE * np.tan(angles)) ** 2 * variance.mean()
    total = spreads[:, None] + variance
    likelihood = -0.5 * (np.log(total) + along**2 / total).sum(axis=1)
    posterior = np.exp(likelihood - likelihood.max())
    chosen = rng.choice(spreads, num_draws, p=posterior / posterior.sum())[:, None]
    kept = chosen / (chosen + variance)
    level = scores.mean() + drawn.mean(axis=1, keepdims=True)
    return np.asarray(level + (kept * along + np.sqrt(kept) * (drawn @ axes)) @ axes.T)
