"""DataComp's own scripts on our files, unchanged. Arguments: a checkout of github.com/mlfoundations/datacomp, the webdataset export, and a
folder to write into. `baselines.py` reads the tables beside the shards and writes a subset file, `resharder.py` reads shards and subset
file and writes the shards of the subset. Needs what they import: fasttext, nltk, pandas, fsspec, img2dataset, webdataset==0.2.31, pysimdjson,
cloudpathlib; torch and gcld3 are used by none of the filters here and may be missing."""

import glob
import importlib.util
import io
import json
import os
import pathlib
import subprocess
import sys

import numpy
import pandas
import pyarrow.parquet
import webdataset
from PIL import Image

from check import check

ABSENT = {
    "torch": "class cuda:\n    is_available = staticmethod(lambda: False)\n    device_count = staticmethod(lambda: 0)\n"
    "no_grad = lambda: (lambda work: work)\nclass Tensor: pass\n",
    "gcld3": "",
}


def main():
    datacomp, tars, out = sys.argv[1:4]
    stubs = pathlib.Path(out, "absent")
    stubs.mkdir(parents=True)
    for name, source in ABSENT.items():
        if importlib.util.find_spec(name) is None:
            (stubs / f"{name}.py").write_text(source)
    sys.path[:0] = [str(stubs), datacomp]
    env = {**os.environ, "PYTHONPATH": ":".join([str(stubs), datacomp, os.environ.get("PYTHONPATH", "")])}
    train = f"{tars}/train"
    table = pandas.concat(pandas.read_parquet(path) for path in sorted(glob.glob(f"{train}/*.parquet")))
    kept = table[table.status == "success"]

    def pair(uid):
        return (int(uid[:16], 16), int(uid[16:32], 16))

    def ids(rows):
        return sorted(pair(uid) for uid in rows.uid)

    def baseline(tables, name, *more):
        path = f"{out}/{name}.npy"
        command = [sys.executable, f"{datacomp}/baselines.py", "--name", name, "--metadata_dir", tables, "--save_path", path, "--num_workers", "2"]
        subprocess.run([*command, *more], check=True, env=env, cwd=out)
        return [tuple(int(part) for part in uid) for uid in numpy.load(path)]

    check("DataComp's no_filter takes every row", baseline(train, "no_filter") == ids(table), True)

    # Its CLIP scores have names of their own; a score under one of them is what its filter reads.
    named = f"{out}/named"
    os.mkdir(named)
    for path in glob.glob(f"{train}/*.parquet"):
        ours = pyarrow.parquet.read_table(path)
        theirs = ours.append_column("clip_l14_similarity_score", ours["similarity"])
        pyarrow.parquet.write_table(theirs, f"{named}/{os.path.basename(path)}")
    best = baseline(named, "clip_score", "--arch", "l14", "--threshold", "0.28")
    check("DataComp's clip_score by a threshold", best == ids(table[table.similarity >= 0.28]), True)

    import baselines.apply_filter as filters
    import fsspec

    # Only the language model, which it downloads, is another one: what it is asked is the rest of the filter.
    filters.download = lambda *_: ""
    filters.fasttext.load_model = lambda _: type("English", (), {"predict": lambda self, text: (("__label__en",), (1.0,))})()
    basic = numpy.concatenate([
        filters.load_uids_with_basic_filter_helper((fsspec.filesystem("file"), path)) for path in glob.glob(f"{train}/*.parquet")
    ])
    words, short = table.text.str.split().str.len(), numpy.minimum(table.original_width, table.original_height)
    ratio = numpy.maximum(table.original_width, table.original_height) / short
    wanted = table[(words > 2) & (table.text.str.len() > 5) & (short >= 200) & (ratio <= 3)]
    check("DataComp's basic filter", sorted(tuple(int(part) for part in uid) for uid in basic) == ids(wanted), True)

    shards = f"{out}/resharded"
    os.mkdir(shards)
    subprocess.run(
        [sys.executable, f"{datacomp}/resharder.py", "-i", train, "-o", shards, "-s", f"{out}/clip_score.npy", "-j", "1",
         "--shard-format", "{:05d}.tar", "--shard-stats-format", "{:05d}_stats.json"],
        check=True, env=env, cwd=out,
    )  # fmt: skip
    members = [sample for path in sorted(glob.glob(f"{shards}/*.tar")) for sample in webdataset.WebDataset(path, shardshuffle=False)]
    found = sorted(pair(json.loads(sample["json"])["uid"]) for sample in members)
    check("DataComp's resharder takes the samples of a subset", found == ids(kept[kept.similarity >= 0.28]), True)
    check("their pictures open", all(Image.open(io.BytesIO(sample["jpg"])).size[0] > 0 for sample in members), True)


if __name__ == "__main__":
    main()
