"""The comparator of the end-to-end bench: the Ray Tune script that a competent user writes from the documentation.

Decoding and painting in the Dataset, fp32, a fresh actor per trial, `OptunaSearch` + `ASHAScheduler` +
`MLflowLoggerCallback`. The same space, trials, epochs, rungs, encoder weights and augmentation as the project's own
search.

    python -m tests.bench.plain_peer DATA OUT TRIALS EPOCHS GRACE IMAGE_SIZE
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BATCH = 16
CHANNELS = {
    "segformer": {"decoder_segmentation_channels": 128},
    "fpn": {"decoder_pyramid_channels": 128, "decoder_segmentation_channels": 64},
}
SPACE_DEFAULT = {
    "decoder_name": "segformer",
    "loss_mix": "dice_ce",
    "optimizer": "adamw",
    "lr": 2e-3,
    "encoder_lr_ratio": 0.2,
}


def trainable(params: dict[str, Any]) -> None:
    """Train one configuration and report every epoch."""
    import albumentations as A
    import cv2
    import madgrad
    import numpy as np
    import segmentation_models_pytorch as smp
    import torch
    from pycocotools.coco import COCO
    from ray import tune
    from torch.utils.data import DataLoader, Dataset

    from trashseg_core.networks.pretrained import load_offline

    size, data = params["image_size"], Path(params["data"])

    class Photos(Dataset):
        def __init__(self, split: str, transform: A.Compose) -> None:
            self.coco = COCO(str(data / f"{split}.json"))
            self.ids = self.coco.getImgIds()
            self.transform = transform

        def __len__(self) -> int:
            return len(self.ids)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
            info = self.coco.loadImgs(self.ids[index])[0]
            image = cv2.cvtColor(cv2.imread(str(data / info["file_name"])), cv2.COLOR_BGR2RGB)
            mask = np.zeros(image.shape[:2], np.uint8)
            annotations = self.coco.loadAnns(self.coco.getAnnIds(info["id"]))
            for annotation in sorted(annotations, key=lambda one: -one["area"]):
                mask[self.coco.annToMask(annotation) == 1] = annotation["category_id"]
            result = self.transform(image=image, mask=mask)
            array = result["image"].astype(np.float32) / 255
            return torch.from_numpy((array - 0.5) / 0.5).permute(2, 0, 1), torch.from_numpy(result["mask"]).long()

    augment = [
        A.HorizontalFlip(p=0.5),
        A.Affine(scale=(0.9, 1.15), rotate=(-10, 10), translate_percent=(-0.05, 0.05), fill_mask=255, p=0.5),
        A.RandomBrightnessContrast(0.15, 0.15, p=0.3),
    ]
    train_set = Photos("train", A.Compose([A.Resize(size, size), *augment]))
    val_set = Photos("val", A.Compose([A.Resize(size, size)]))
    classes = 1 + len(train_set.coco.getCatIds())
    train_loader = DataLoader(train_set, BATCH, shuffle=True, drop_last=True)
    val_loader = DataLoader(val_set, BATCH)

    model = smp.create_model(
        params["decoder_name"],
        encoder_name="tu-tf_efficientnet_lite0",
        encoder_weights=None,
        classes=classes,
        **CHANNELS[params["decoder_name"]],
    )
    load_offline(model.encoder, "tu-tf_efficientnet_lite0")
    kinds = {"adamw": torch.optim.AdamW, "madgrad": madgrad.MADGRAD}
    decoder = [weight for name, weight in model.named_parameters() if not name.startswith("encoder")]
    encoder = {"params": model.encoder.parameters(), "lr": params["lr"] * params["encoder_lr_ratio"]}
    optimizer = kinds[params["optimizer"]]([{"params": decoder}, encoder], lr=params["lr"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, params["epochs"] * len(train_loader))
    smoothing = 0.1 if params["loss_mix"] == "soft_ce" else 0.0
    ce = torch.nn.CrossEntropyLoss(ignore_index=255, label_smoothing=smoothing)
    dice = smp.losses.DiceLoss("multiclass", ignore_index=255) if params["loss_mix"] == "dice_ce" else None

    for epoch in range(1, params["epochs"] + 1):
        model.train()
        for images, target in train_loader:
            logits = model(images)
            loss = ce(logits, target) if dice is None else 0.8 * ce(logits, target) + 0.2 * dice(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        model.eval()
        counts = torch.zeros(classes, classes, dtype=torch.long)
        with torch.no_grad():
            for images, target in val_loader:
                cells = target * classes + model(images).argmax(1)
                counts += torch.bincount(cells[target != 255], minlength=classes**2).view(classes, classes)
        union = counts.sum(0) + counts.sum(1) - counts.diag()
        with tempfile.TemporaryDirectory() as folder:
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, Path(folder) / "model.pt")
            metrics = {"val_miou": float((counts.diag() / union).nanmean()), "epoch": epoch}
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


def main(arguments: list[str]) -> None:
    """Run the search and print one JSON line: seconds, epochs in all, best val_miou."""
    data, out = Path(arguments[0]).absolute(), Path(arguments[1]).absolute()
    trials, epochs, grace, size = (int(text) for text in arguments[2:])
    started = time.time()
    import ray
    from ray import tune
    from ray.air.integrations.mlflow import MLflowLoggerCallback
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    ray.init(include_dashboard=False, log_to_driver=False)
    space = {
        "decoder_name": tune.choice(["segformer", "fpn"]),
        "loss_mix": tune.choice(["ce", "soft_ce", "dice_ce"]),
        "optimizer": tune.choice(["adamw", "madgrad"]),
        "lr": tune.loguniform(1e-3, 5e-3),
        "encoder_lr_ratio": tune.loguniform(0.1, 0.5),
        "image_size": size,
        "data": str(data),
        "epochs": epochs,
    }
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(
            metric="val_miou",
            mode="max",
            num_samples=trials,
            max_concurrent_trials=2,
            search_alg=OptunaSearch(points_to_evaluate=[SPACE_DEFAULT], seed=0),
            scheduler=ASHAScheduler("epoch", max_t=epochs, grace_period=grace, reduction_factor=3),
        ),
        run_config=tune.RunConfig(
            name="plain",
            storage_path=str(out),
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(1, checkpoint_score_attribute="val_miou"),
            callbacks=[MLflowLoggerCallback(tracking_uri=f"sqlite:///{out / 'mlflow.db'}", experiment_name="plain")],
        ),
    )
    results = tuner.fit()
    frames = [result.metrics_dataframe for result in results]
    best = max(float(frame["val_miou"].max()) for frame in frames)
    total = sum(len(frame) for frame in frames)
    ray.shutdown()
    print(json.dumps({"seconds": time.time() - started, "epochs": total, "val_miou": best}))


if __name__ == "__main__":
    main(sys.argv[1:])
