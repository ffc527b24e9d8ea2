"""What the trials of a search say together."""
