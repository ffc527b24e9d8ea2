"""The forest learns what a table says, says the same twice, and knows where it does not know."""

import numpy as np
import pytest

from experiments.policy.forest import MAX_ROWS, grow_forest


def table(num_rows: int = 200, num_features: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose target is a step in the first feature and a slope in the second."""
    rows = np.random.default_rng(0).random((num_rows, num_features))
    return rows, (rows[:, 0] > 0.5) + 0.5 * rows[:, 1]


def test_the_mean_of_the_trees_comes_near_the_targets_of_new_rows() -> None:
    rows, targets = table()
    forest = grow_forest(rows[:150], targets[:150], 30, 4, seed=1)
    found = forest.predict(rows[150:]).mean(axis=0)
    assert np.corrcoef(found, targets[150:])[0, 1] > 0.9


def test_the_same_seed_grows_the_same_forest_and_another_one_another() -> None:
    rows, targets = table()
    first, second, third = (grow_forest(rows, targets, 5, 2, seed).predict(rows) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


def test_trees_disagree_more_far_from_what_is_known() -> None:
    rows, targets = table()
    near = rows[rows[:, 0] < 0.4]
    forest = grow_forest(near, targets[rows[:, 0] < 0.4] + 3 * near[:, 0], 50, 2, seed=0)
    far = np.column_stack([np.full(50, 0.6), np.random.default_rng(1).random((50, 3))])
    assert forest.predict(far).std(axis=0).mean() > 1.2 * forest.predict(near).std(axis=0).mean()


@pytest.mark.parametrize("num_rows", [1, 2, 3, MAX_ROWS + 1])
def test_any_number_of_rows_will_do(num_rows: int) -> None:
    rows, targets = table(num_rows)
    found = grow_forest(rows, targets, 3, 2, seed=0).predict(rows)
    assert found.shape == (3, num_rows)
    assert (found >= targets.min() - 1e-9).all() and (found <= targets.max() + 1e-9).all()


def test_trees_of_a_long_table_see_different_rows() -> None:
    rows, targets = table(4 * MAX_ROWS)
    means = grow_forest(rows, targets, 4, 1, seed=0).means[:, 0]
    assert len(set(means)) == 4 and np.allclose(means, targets.mean(), atol=0.2)
