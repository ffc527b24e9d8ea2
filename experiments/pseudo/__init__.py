"""The second round of a search: its best configurations trained once more, with photos that its ensemble labelled."""
