"""Pictures: figures, overlays, the page they stand on."""
