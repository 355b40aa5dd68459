"""The peer of feed.ts: what a PyTorch user writes over webdataset. Shuffles shards and samples, reads captions and NumPy halves, makes
word pieces with Hugging Face's tokenizers, hides 15 % of pieces and regions, and pads a batch of tensors; features stay halves."""
import json
import resource
import sys
import time
from glob import glob

import numpy
import torch
import webdataset
from tokenizers import BertWordPieceTokenizer

settings = json.loads(sys.argv[1])
R, D, W = settings["regions"], settings["featureSize"], settings["maxPieces"]
tokenizer = BertWordPieceTokenizer(f"{settings['folder']}/vocab.txt")
PAD, SEP, MASK = (tokenizer.token_to_id(piece) for piece in ("[PAD]", "[SEP]", "[MASK]"))


def example(sample):
    pieces = tokenizer.encode(sample["txt"], add_special_tokens=False).ids[:W]
    return pieces, sample["features.npy"][:R], sample["boxes.npy"][:R], sample["labels.npy"][:R]


def collate(examples):
    N = len(examples)
    length = max(len(pieces) for pieces, *_ in examples)
    pieces = numpy.full((N, length + 1), PAD, numpy.int64)
    features = numpy.zeros((N, R, D), numpy.float16)
    boxes = numpy.zeros((N, R, 5), numpy.float32)
    labels = numpy.zeros((N, R), numpy.int64)
    mask = numpy.zeros((N, R), numpy.float32)
    for n, (own, feature, box, label) in enumerate(examples):
        pieces[n, : len(own)] = own
        pieces[n, len(own)] = SEP
        count = len(label)
        features[n, :count] = feature
        boxes[n, :count, :4] = box
        labels[n, :count] = label
        mask[n, :count] = 1
    boxes[..., 4] = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    hidden = (numpy.random.rand(N, length + 1) < 0.15) & (pieces != PAD) & (pieces != SEP)
    masked = numpy.where(hidden, MASK, pieces)
    shown = (numpy.random.rand(N, R) >= 0.15).astype(numpy.float32)
    arrays = dict(pieces=pieces, masked=masked, features=features, boxes=boxes, labels=labels, mask=mask, shown=shown)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def cpu():
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def main():
    shards = sorted(glob(f"{settings['folder']}/peer/*.tar"))
    dataset = webdataset.WebDataset(shards, shardshuffle=100, nodesplitter=webdataset.split_by_node)
    # 1,000 samples wait in the buffer of all readers together.
    dataset = dataset.shuffle(1000 // settings["workers"]).decode().map(example).batched(settings["batchSize"], collation_fn=collate)
    epochs = []
    for count in (1, 3):
        # Workers start anew after the first epoch, so that their processor time is known when they have ended.
        started, before = time.perf_counter(), cpu()
        loader = webdataset.WebLoader(dataset.repeat(count), batch_size=None, num_workers=settings["workers"])
        read = sum(len(batch["pieces"]) for batch in loader)
        del loader
        assert read == count * settings["samples"], read
        seconds = time.perf_counter() - started
        epochs.append(dict(perSecond=read / seconds, cpuMs=1000 * (cpu() - before) / read))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps(dict(epochs=epochs, rssMb=peak / 1024)))


main()
