"""Configurations before they run: what a space may propose, known good ones, earlier searches."""
