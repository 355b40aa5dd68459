"""Shards read from Python with nothing but its standard library: each sample's key, the size of its picture and its text.
`python3 read_shards.py CORPUS`. With the webdataset package it is `webdataset.WebDataset(paths)`."""

import glob
import itertools
import sys
import tarfile

corpus = sys.argv[1] if len(sys.argv) > 1 else "corpus"
for path in sorted(glob.glob(f"{corpus}/shards/train/*.tar")):
    with tarfile.open(path) as shard:
        # Members of one sample lie together and share all before the first dot.
        for key, members in itertools.groupby(shard, lambda member: member.name.partition(".")[0]):
            fields = {member.name.partition(".")[2]: shard.extractfile(member).read() for member in members}
            image = next(fields[name] for name in ("jpg", "png", "webp", "gif", "avif") if name in fields)
            print(key, f"{len(image)} bytes", fields["txt"].decode(), sep="\t")
