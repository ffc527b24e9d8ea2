"""What trials keep on disk, and who gives way."""
