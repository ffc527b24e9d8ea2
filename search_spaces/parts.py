"""The dimensions that spaces are made of. Each suggests `TrialConfig` fields and returns what the space may ask for."""

from typing import Any

SMALL_ENCODERS = ("tu-tf_efficientnet_lite0", "tu-mobilenetv3_large_100", "tu-resnet18")
"""2 to 12 million weights: for a CPU, or for many trials."""
CNN_ENCODERS = (
    "tu-tf_efficientnet_lite0",
    "tu-resnet34",
    "efficientnet-b3",
    "tu-regnety_032",
    "tu-convnext_tiny",
)
ENCODERS = (*CNN_ENCODERS, "mit_b2")
"""5 to 30 million weights: for a GPU with 12 GB at 512 px."""
DECODERS = ("segformer", "fpn", "unet", "manet", "upernet")
"""Those that work with every encoder above; unetplusplus, deeplabv3plus, linknet and pan want a CNN."""
CNN_DECODERS = (*DECODERS, "unetplusplus", "deeplabv3plus", "linknet", "pan", "pspnet")


def encoder(trial: Any, names: tuple[str, ...] = ENCODERS) -> str:
    """Suggest the encoder: it decides most of the cost and of the score."""
    return trial.suggest_categorical("encoder_name", list(names))


def decoder(trial: Any, names: tuple[str, ...] = DECODERS) -> str:
    """Suggest the decoder. The choices must be the same whatever the encoder: Optuna takes no others for one name."""
    return trial.suggest_categorical("decoder_name", list(names))


def decoder_width(trial: Any, factors: tuple[float, ...] = (0.5, 1.0)) -> float:
    """Suggest the decoder's channels relative to smp's default; not for linknet, which has none to choose.

    On garbage6 (lite0, 128 px, 9 epochs) half of segformer's channels reached val mIoU 0.684 in 55 % of the time of all
    of them, which reached 0.668.
    """
    return trial.suggest_categorical("decoder_width", list(factors))


def loss_mix(trial: Any) -> str:
    """Suggest a preset mix: pixel-wise terms learn fast, Dice counts rare classes as much as common ones."""
    mix = trial.suggest_categorical("loss_mix", ["ce", "soft_ce", "dice_ce", "dice_focal"])
    if mix == "soft_ce":
        trial.suggest_float("label_smoothing", 0.02, 0.2)
    if mix == "dice_focal":
        trial.suggest_float("focal_gamma", 1.0, 4.0)
    return mix


def loss_simplex(trial: Any, terms: tuple[str, ...] = ("ce", "dice", "focal", "lovasz")) -> None:
    """Suggest the weights of a mix instead of a preset; they are normalised to sum 1, so that only ratios count."""
    trial.suggest_categorical("loss_mix", ["weights"])
    for term in terms:
        trial.suggest_float(f"loss_{term}", 0.01, 1.0, log=True)


def class_weights(trial: Any) -> str:
    """Suggest the weights of the classes in the pixel-wise terms; only where the mix has one."""
    return trial.suggest_categorical("class_weights", ["none", "inverse_sqrt", "effective_number"])


def schedule(trial: Any) -> str:
    """Suggest the learning rate over the training; one-cycle takes the warm-up for its rise."""
    name = trial.suggest_categorical("schedule", ["cosine", "one_cycle", "poly"])
    trial.suggest_float("warmup", 0.0, 0.3)
    return name


def averaging(trial: Any) -> str:
    """Suggest the average of the weights: over steps, which suits short trainings, or over the last epochs."""
    name = trial.suggest_categorical("weight_average", ["ema", "swa"])
    if name == "ema":
        trial.suggest_categorical("ema_decay", [0.9, 0.97, 0.99, 0.999])
    else:
        trial.suggest_float("swa_start", 0.5, 0.9)
    return name


def augmix(trial: Any, high: float = 0.6) -> float:
    """Suggest the share of samples with pasted objects; teams measured from -0.05 to +0.01 mIoU, so 0 must be in it."""
    return trial.suggest_float("augmix_ratio", 0.0, high, step=0.1)


def augmix_details(trial: Any) -> None:
    """Suggest whose objects are pasted and how many; only where `augmix` is above 0."""
    trial.suggest_float("augmix_rarity", 0.0, 1.5)
    trial.suggest_int("augmix_max_objects", 1, 4)


def mixing(trial: Any, high: float = 0.5) -> float:
    """Suggest the shares of samples that are a mosaic, hold a rectangle or half of the classes of another photo."""
    names = ("mosaic_ratio", "cutmix_ratio", "classmix_ratio")
    return sum(trial.suggest_float(name, 0.0, high, step=0.25) for name in names)


def rare_classes(trial: Any) -> float:
    """Suggest the temperature of rare-class sampling, 0 = off: the smaller, the more often rare classes are shown.

    DAFormer takes 0.01 on street scenes; at 1 the classes are drawn nearly alike.
    """
    return trial.suggest_categorical("rare_class_temperature", [0.0, 0.03, 0.1, 0.3, 1.0])


def color_augmix(trial: Any) -> float:
    """Suggest the share of samples with Hendrycks' AugMix of colours, and its severity where there are any."""
    ratio = trial.suggest_float("color_augmix_ratio", 0.0, 1.0, step=0.25)
    if ratio > 0:
        trial.suggest_int("color_augmix_severity", 1, 6)
    return ratio


def scales(trial: Any) -> tuple[float, float]:
    """Suggest how much smaller and larger photos are shown than they are."""
    return (
        trial.suggest_float("scale_min", 0.5, 1.0, step=0.25),
        trial.suggest_float("scale_max", 1.0, 2.0, step=0.25),
    )


def augment(trial: Any) -> str:
    """Suggest the strength of the ordinary augmentation."""
    return trial.suggest_categorical("augment", ["none", "light", "strong"])


def optimizer(trial: Any, names: tuple[str, ...] = ("adamw", "madgrad", "sgd")) -> str:
    """Suggest optimizer, learning rates and weight decay.

    One range of learning rates spans all three, so that the sampler can compare: AdamW and MADGRAD live around 1e-3,
    SGD an order above. The encoder learns slower than the decoder: on garbage6 (FPN, 128 px, 9 epochs) a fifth at
    lr 2e-3 reached val mIoU 0.687, the same rate for both at 1e-3 reached 0.663.
    """
    name = trial.suggest_categorical("optimizer", list(names))
    trial.suggest_float("lr", 2e-4, 3e-2, log=True)
    trial.suggest_float("encoder_lr_ratio", 0.05, 1.0, log=True)
    trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True)
    return name
