"""What lies on a disk: whole or absent, from whom, how large, and what may be believed of it."""
