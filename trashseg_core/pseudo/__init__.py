"""Pseudo-labels: what an ensemble is sure of on photos that nobody labelled."""
