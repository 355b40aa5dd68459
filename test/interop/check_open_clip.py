"""One epoch of open_clip's training loader over an export. Argument: the webdataset export. For an environment with
open_clip_torch and the webdataset it asks for (at most 0.2.86), which is older than the one that check.py takes."""

import glob
import json
import sys
import types

import open_clip_train.data
import torch

tars = sys.argv[1]
train = json.load(open(f"{tars}/manifest.json"))["samples"]["train"]
shards = len(glob.glob(f"{tars}/train/*.tar"))
braces = f"{tars}/train/{{00000..{shards - 1:05d}}}.tar"

got = open_clip_train.data.get_dataset_size(braces)
assert got == (train, shards), got
print(f"ok  open_clip reads sizes.json: {got}")

args = types.SimpleNamespace(
    train_data=braces, val_data=None, train_num_samples=None, val_num_samples=None, dataset_resampled=False,
    train_data_upsampling_factors=None, seed=0, batch_size=8, world_size=1, workers=0,
)  # fmt: skip
info = open_clip_train.data.get_wds_dataset(
    args,
    lambda image: torch.zeros(3, 8, 8),
    is_train=True,
    tokenizer=lambda text: torch.tensor([[len(text)]]),
)
batches = [(images.shape, texts.shape) for images, texts in info.dataloader]
assert len(batches) == -(-train // 8) and batches[0] == ((8, 3, 8, 8), (8, 1)), batches
print(f"ok  open_clip's loader runs an epoch: {len(batches)} batches of 8")
