"""Measurements: ratios against named comparators."""
