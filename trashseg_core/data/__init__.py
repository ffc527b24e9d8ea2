"""From a folder of COCO-annotated photos to arrays."""
