"""Fuzzing: valid files, mutated by hypothesis, read by worker processes whose death counts."""
