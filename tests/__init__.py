"""Tests of trashseg."""
