"""The dimensions that spaces are made of. Each suggests `TrialConfig` fields and returns what the space may ask for."""

from typing import Any

COSTS = {
    "tu-mobilenetv3_large_100": (3.6, 0.012),
    "tu-tf_efficientnet_lite0": (3.4, 0.013),
    "mit_b0": (3.7, 0.034),
    "efficientnet-b3": (11.2, 0.049),
    "tu-resnet18": (11.8, 0.022),
    "mit_b1": (13.7, 0.037),
    "tu-regnety_032": (18.9, 0.043),
    "tu-tf_efficientnetv2_s": (20.3, 0.041),
    "tu-resnet34": (21.9, 0.031),
    "mit_b2": (24.7, 0.058),
    "tu-convnext_tiny": (28.5, 0.052),
    "efficientnet-b5": (28.9, 0.080),
    "mit_b3": (44.6, 0.082),
    "tu-convnext_small": (50.1, 0.087),
    "mit_b5": (82.0, 0.154),
}
"""The encoders that were tried here, tiny to large: millions of weights and seconds per photo of 256 px, both with
SegFormer's decoder (`python -m experiments.recipes.encoder_costs`: time of one core with AVX512-bf16)."""
SMALL_ENCODERS = ("tu-tf_efficientnet_lite0", "tu-mobilenetv3_large_100", "tu-resnet18", "mit_b0")
"""For a CPU, or for many trials."""
CNN_ENCODERS = (
    "tu-tf_efficientnet_lite0",
    "tu-resnet34",
    "efficientnet-b3",
    "tu-regnety_032",
    "tu-convnext_tiny",
)
ENCODERS = (*CNN_ENCODERS, "mit_b2")
"""For a GPU with 12 GB at 512 px."""
LARGE_ENCODERS = (
    *CNN_ENCODERS,
    "tu-tf_efficientnetv2_s",
    "efficientnet-b5",
    "tu-convnext_small",
    "mit_b2",
    "mit_b3",
    "mit_b5",
)
"""For several GPUs and a long search: the best known scores of the competition came from large transformers."""
DECODERS = ("segformer", "fpn", "unet", "manet", "upernet")
"""Those that work with every encoder above; unetplusplus and linknet want a CNN."""
CNN_DECODERS = (*DECODERS, "unetplusplus", "deeplabv3plus", "linknet", "pan", "pspnet")


def encoder(trial: Any, names: tuple[str, ...] = ENCODERS) -> str:
    """Suggest the encoder: it decides most of the cost and of the score. `COSTS` says what each one takes."""
    return trial.suggest_categorical("encoder_name", list(names))


def decoder(trial: Any, names: tuple[str, ...] = DECODERS) -> str:
    """Suggest the decoder. The choices must be the same whatever the encoder: Optuna takes no others for one name."""
    return trial.suggest_categorical("decoder_name", list(names))


def architecture(trial: Any, encoders: tuple[str, ...] = LARGE_ENCODERS) -> str:
    """Suggest the encoder, and for a CNN any decoder.

    A transformer keeps the default, the decoder that SegFormer was published with: so no pair is offered that does not
    work, and the decoder's choices are the same wherever there are any.

    Returns:
        The decoder's name.
    """
    if encoder(trial, encoders).startswith("mit_"):
        return "segformer"
    return decoder(trial, CNN_DECODERS)


def decoder_width(trial: Any, factors: tuple[float, ...] = (0.5, 1.0)) -> float:
    """Suggest the decoder's channels relative to smp's default; not for linknet, which has none to choose.

    On garbage6 (lite0, 128 px, 9 epochs) half of segformer's channels reached val mIoU 0.684 in 55 % of the time of all
    of them, which reached 0.668.
    """
    return trial.suggest_categorical("decoder_width", list(factors))


def loss_mix(trial: Any, names: tuple[str, ...] = ("ce", "soft_ce", "dice_ce", "dice_focal")) -> str:
    """Suggest a preset mix: pixel-wise terms learn fast, Dice counts rare classes as much as common ones.

    Label smoothing and the focal exponent range around their papers' 0.1 and 2; `weights` asks for a mix of its own.
    """
    mix = trial.suggest_categorical("loss_mix", list(names))
    if mix == "soft_ce":
        trial.suggest_float("label_smoothing", 0.02, 0.2)
    if mix == "dice_focal":
        trial.suggest_float("focal_gamma", 1.0, 4.0)
    if mix == "weights":
        loss_weights(trial)
    return mix


def loss_weights(trial: Any, terms: tuple[str, ...] = ("ce", "dice", "focal", "lovasz")) -> None:
    """Suggest a point on the simplex of loss terms: weights that are normalised to sum 1, so that only ratios count.

    On a log scale from 0.01 to 1 half of the points are ruled by one or two terms, as good mixes are; uniform weights
    would nearly always mix all four alike.
    """
    for term in terms:
        trial.suggest_float(f"loss_{term}", 0.01, 1.0, log=True)


def loss_simplex(trial: Any, terms: tuple[str, ...] = ("ce", "dice", "focal", "lovasz")) -> None:
    """Suggest the weights of a mix instead of a preset."""
    trial.suggest_categorical("loss_mix", ["weights"])
    loss_weights(trial, terms)


def class_weights(trial: Any) -> str:
    """Suggest the weights of the classes in the pixel-wise terms; only where the mix has one.

    They raised mIoU from 0.581 to 0.606 on a list with 6 to 10 photos of rare classes, and cost nothing.
    """
    return trial.suggest_categorical("class_weights", ["none", "inverse_sqrt", "effective_number"])


def schedule(trial: Any) -> str:
    """Suggest the learning rate over the training; one-cycle takes the warm-up for its rise.

    A warm-up of 0 spares a short training steps, 0.3 is what one-cycle was published with.
    """
    name = trial.suggest_categorical("schedule", ["cosine", "one_cycle", "poly"])
    trial.suggest_float("warmup", 0.0, 0.3)
    return name


def averaging(trial: Any) -> str:
    """Suggest the average of the weights: over steps, which suits short trainings, or over the last epochs.

    A decay of 0.9 remembers 10 steps, 0.999 a thousand: more than a short training has. SWA wants the last part of a
    training, a tenth to a half of it.
    """
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
    """Suggest whose objects are pasted and how many; only where `augmix` is above 0.

    Rarity 0 draws all classes alike, 1 inverse to their number, 1.5 the rarest ones nearly alone. More than four
    objects hide the photo.
    """
    trial.suggest_float("augmix_rarity", 0.0, 1.5)
    trial.suggest_int("augmix_max_objects", 1, 4)


def mixing(trial: Any, high: float = 0.5) -> float:
    """Suggest the shares of samples that are a mosaic, hold a rectangle or half of the classes of another photo.

    In coarse steps up to a half: a photo that is always mixed is never seen as it is.
    """
    names = ("mosaic_ratio", "cutmix_ratio", "classmix_ratio")
    return sum(trial.suggest_float(name, 0.0, high, step=0.25) for name in names)


def rare_classes(trial: Any) -> float:
    """Suggest the temperature of rare-class sampling, 0 = off: the smaller, the more often rare classes are shown.

    DAFormer takes 0.01 on street scenes; at 1 the classes are drawn nearly alike.
    """
    return trial.suggest_categorical("rare_class_temperature", [0.0, 0.03, 0.1, 0.3, 1.0])


def color_augmix(trial: Any) -> float:
    """Suggest the share of samples with Hendrycks' AugMix of colours, and its severity where there are any.

    Severity 3 is the paper's; above 6 photos of trash lose the colours that tell classes apart.
    """
    ratio = trial.suggest_float("color_augmix_ratio", 0.0, 1.0, step=0.25)
    if ratio > 0:
        trial.suggest_int("color_augmix_severity", 1, 6)
    return ratio


def scales(trial: Any) -> tuple[float, float]:
    """Suggest how much smaller and larger photos are shown than they are.

    From half to double is the usual range of segmentation; objects of trash vary as much between photos.
    """
    return (
        trial.suggest_float("scale_min", 0.5, 1.0, step=0.25),
        trial.suggest_float("scale_max", 1.0, 2.0, step=0.25),
    )


def augment(trial: Any) -> str:
    """Suggest the strength of the ordinary augmentation: short trainings want little of it, long ones much."""
    return trial.suggest_categorical("augment", ["none", "light", "strong"])


def optimizer(trial: Any, names: tuple[str, ...] = ("adamw", "madgrad", "sgd")) -> str:
    """Suggest optimizer, learning rates and weight decay.

    One range of learning rates spans all three, so that the sampler can compare: AdamW and MADGRAD live around 1e-3,
    SGD an order above. The encoder learns slower than the decoder: on garbage6 (FPN, 128 px, 9 epochs) a fifth at
    lr 2e-3 reached val mIoU 0.687, the same rate for both at 1e-3 reached 0.663. Weight decay spans four orders, since
    AdamW's is decoupled from the learning rate and SGD's is not.
    """
    name = trial.suggest_categorical("optimizer", list(names))
    trial.suggest_float("lr", 2e-4, 3e-2, log=True)
    trial.suggest_float("encoder_lr_ratio", 0.05, 1.0, log=True)
    trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True)
    return name
