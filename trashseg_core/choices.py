"""Names that a configuration chooses from."""

_FIVE_BLOCKS: dict[str, tuple[int, ...]] = {"decoder_channels": (256, 128, 64, 32, 16)}
DECODER_CHANNELS: dict[str, dict[str, tuple[int, ...]]] = {
    "unet": _FIVE_BLOCKS,
    "unetplusplus": _FIVE_BLOCKS,
    "manet": _FIVE_BLOCKS,
    "linknet": {},
    "fpn": {"decoder_pyramid_channels": (256,), "decoder_segmentation_channels": (128,)},
    "pspnet": {"psp_out_channels": (512,)},
    "deeplabv3": {"decoder_channels": (256,)},
    "deeplabv3plus": {"decoder_channels": (256,)},
    "pan": {"decoder_channels": (32,)},
    "upernet": {"decoder_channels": (256,)},
    "segformer": {"decoder_segmentation_channels": (256,)},
    "dpt": {"decoder_intermediate_channels": (256, 512, 1024, 1024), "decoder_fusion_channels": (256,)},
}
"""Arguments by which smp sets the channels of each decoder, and their defaults; Linknet has none."""
DECODERS = tuple(DECODER_CHANNELS)
"""smp's names."""

LOSS_TERMS = ("ce", "soft_ce", "dice", "focal", "lovasz", "jaccard", "tversky")
LOSS_PRESETS: dict[str, dict[str, float]] = {
    "ce": {"ce": 1.0},
    "soft_ce": {"soft_ce": 1.0},
    "dice": {"dice": 1.0},
    "focal": {"focal": 1.0},
    "lovasz": {"lovasz": 1.0},
    "jaccard": {"jaccard": 1.0},
    "tversky": {"tversky": 1.0},
    "dice_ce": {"dice": 0.2, "ce": 0.8},
    "dice_focal": {"dice": 0.25, "focal": 0.75},
}
TTA_SETS = ("none", "flip", "flips", "d4", "scales", "flips_scales")
