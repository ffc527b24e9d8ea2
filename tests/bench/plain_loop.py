"""The comparator of the core bench: a Dataset and a loop as the documentation of torch shows them."""

import time
from pathlib import Path

import albumentations as A
import cv2
import numpy as np
import segmentation_models_pytorch as smp
import torch
from pycocotools.coco import COCO
from torch.utils.data import DataLoader, Dataset

from trashseg_core.networks.pretrained import load_offline


class Photos(Dataset):
    """Decodes and paints with pycocotools each time a sample is asked for."""

    def __init__(self, data: Path, split: str, transform: A.Compose) -> None:
        self.data, self.coco, self.transform = data, COCO(str(data / f"{split}.json")), transform
        self.ids = self.coco.getImgIds()

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Image float (3, S, S) in -1..1 and labels int64 (S, S)."""
        info = self.coco.loadImgs(self.ids[index])[0]
        image = cv2.cvtColor(cv2.imread(str(self.data / info["file_name"])), cv2.COLOR_BGR2RGB)
        mask = np.zeros(image.shape[:2], np.uint8)
        annotations = self.coco.loadAnns(self.coco.getAnnIds(info["id"]))
        for annotation in sorted(annotations, key=lambda one: -one["area"]):
            mask[self.coco.annToMask(annotation) == 1] = annotation["category_id"]
        result = self.transform(image=image, mask=mask)
        array = result["image"].astype(np.float32) / 255
        return torch.from_numpy((array - 0.5) / 0.5).permute(2, 0, 1), torch.from_numpy(result["mask"]).long()


def augmentation() -> list[A.BasicTransform]:
    """The project's own `light` pipeline."""
    return [
        A.HorizontalFlip(p=0.5),
        A.Affine(scale=(0.9, 1.15), rotate=(-10, 10), translate_percent=(-0.05, 0.05), fill_mask=255, p=0.5),
        A.RandomBrightnessContrast(0.15, 0.15, p=0.3),
    ]


def open_photos(data: Path, size: int, augment: bool) -> Photos:
    """The train split at a size."""
    return Photos(data, "train", A.Compose([A.Resize(size, size), *(augmentation() if augment else [])]))


def images_per_s(data: Path, size: int, batch_size: int, num_batches: int) -> float:
    """Train Unet + lite0 in fp32 for some batches after two of warming up."""
    photos = open_photos(data, size, augment=True)
    loader = DataLoader(photos, batch_size, shuffle=True, drop_last=True)
    model = smp.Unet("tu-tf_efficientnet_lite0", encoder_weights=None, classes=1 + len(photos.coco.getCatIds())).train()
    load_offline(model.encoder, "tu-tf_efficientnet_lite0")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    ce, dice = torch.nn.CrossEntropyLoss(ignore_index=255), smp.losses.DiceLoss("multiclass", ignore_index=255)
    started, steps = 0.0, -2
    while steps < num_batches:
        for images, target in loader:
            if steps == 0:
                started = time.perf_counter()
            logits = model(images)
            loss = 0.8 * ce(logits, target) + 0.2 * dice(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps += 1
            if steps == num_batches:
                break
    return num_batches * batch_size / (time.perf_counter() - started)
