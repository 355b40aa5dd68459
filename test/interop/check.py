"""What other people's tools make of an export. Arguments: the webdataset export, the parquet export, the jsonl export, and
a folder to write foreign shards into. Prints one line for each check; any exception ends it with status 1."""

import glob
import io
import json
import sys

import datasets
import numpy
import mlcroissant
import pyarrow.parquet
import webdataset
from PIL import Image

try:  # wids imports torch, which is gigabytes, and img2dataset needs much as well: tried where they are installed
    import wids
except ModuleNotFoundError:
    wids = None
try:
    import img2dataset
except ModuleNotFoundError:
    img2dataset = None

def check(name, got, wanted):
    if got != wanted:
        raise SystemExit(f"not ok  {name}: expected {wanted}, got {got}")
    print(f"ok  {name}: {got}")


def shards_of(tars, split):
    return sorted(glob.glob(f"{tars}/{split}/*.tar"))


def main():
    tars, parquet, jsonl, foreign = sys.argv[1:5]
    manifest = json.load(open(f"{tars}/manifest.json"))
    train, validation = manifest["samples"]["train"], manifest["samples"]["validation"]
    datasets.disable_progress_bars()

    samples = list(webdataset.WebDataset(shards_of(tars, "train"), shardshuffle=False).decode("pil").to_tuple("jpg", "txt", "json"))
    check("webdataset iterates and decodes", len(samples), train)
    check("webdataset: text and JSON agree", all(text == about["caption"] for _, text, about in samples), True)
    check("webdataset: sizes are as the JSON says", all(i.size == (a["width"], a["height"]) for i, _, a in samples), True)
    braces = f"{tars}/train/{{00000..{len(shards_of(tars, 'train')) - 1:05d}}}.tar"
    check("webdataset takes the brace range", sum(1 for _ in webdataset.WebDataset(braces, shardshuffle=False)), train)

    if wids is None:
        print("--  wids was not tried: install torch into the environment")
    else:
        indexed = wids.ShardListDataset(f"{tars}/train/index.json", cache_dir=f"{foreign}/wids", keep=True)
        check("wids has the length", len(indexed), train)
        check("wids reads at random", indexed[train - 1][".txt"], samples[-1][1])

    loaded = datasets.load_dataset("webdataset", data_files={"train": shards_of(tars, "train"), "validation": shards_of(tars, "validation")})
    check("datasets loads webdataset", (loaded["train"].num_rows, loaded["validation"].num_rows), (train, validation))
    check("datasets: image and text", (loaded["train"][0]["jpg"].size, loaded["train"][0]["txt"]), (samples[0][0].size, samples[0][1]))
    check("datasets streams webdataset", sum(1 for _ in datasets.load_dataset("webdataset", data_files=shards_of(tars, "train"), split="train", streaming=True)), train)

    by_card = datasets.load_dataset(tars)
    check("datasets reads the card's splits", (by_card["train"].num_rows, by_card["validation"].num_rows), (train, validation))

    rows = datasets.load_dataset("parquet", data_files=sorted(glob.glob(f"{parquet}/train/*.parquet")), split="train")
    check("datasets loads parquet", rows.num_rows, train)
    check("datasets: parquet has images", type(rows.features["image"]).__name__, "Image")
    check("datasets: parquet's image opens", rows[0]["image"].size, samples[0][0].size)

    lines = datasets.load_dataset("json", data_files=sorted(glob.glob(f"{jsonl}/train/*.jsonl")), split="train")
    check("datasets loads jsonl", lines.num_rows, train)
    check("jsonl names files that open", Image.open(f"{jsonl}/train/{lines[0]['file_name']}").size, samples[0][0].size)

    table = pyarrow.parquet.read_table(f"{tars}/train/00000.parquet")
    wanted = ["url", "caption", "key", "status", "error_message", "width", "height", "original_width", "original_height", "exif", "sha256"]
    check("pyarrow reads the table: img2dataset's columns first", table.column_names[: len(wanted)], wanted)
    check("pyarrow: integers are int32", {str(table.schema.field(n).type) for n in ("width", "height")}, {"int32"})

    # DataComp's subset files are sorted pairs of uint64; LAION's filters ask its columns. Expressions in our words.
    frame = table.to_pandas()
    kept = frame[(frame.LANGUAGE == "en") & (frame.similarity > 0.28) & (frame.punsafe < 0.5) & (frame.status == "success")]
    check("pandas filters by LANGUAGE, similarity and punsafe", (len(kept) > 0, len(kept) < len(frame)), (True, True))
    import pyarrow.compute as pc
    same = table.filter((pc.field("LANGUAGE") == "en") & (pc.field("similarity") > 0.28) & (pc.field("punsafe") < 0.5) & (pc.field("status") == "success"))
    check("pyarrow filters the same", same.num_rows, len(kept))
    clean = frame[frame.pwatermark < 0.8].drop_duplicates("phash").drop_duplicates(["url", "caption"])
    check("pandas filters by pwatermark and takes one row a picture", (0 < len(clean) < len(frame), clean.phash.str.fullmatch("[0-9a-f]{16}").all()), (True, True))
    check("exif is a JSON object in every row of a picture", all(isinstance(json.loads(tags), dict) for tags in frame.exif[frame.status == "success"]), True)
    uids = numpy.array([(int(uid[:16], 16), int(uid[16:32], 16)) for uid in kept.uid], numpy.dtype("u8,u8"))
    uids.sort()
    numpy.save(f"{foreign}/subset.npy", uids)
    member = {(int(uid[:16], 16), int(uid[16:32], 16)) for uid in frame.uid}
    check("a subset file of DataComp's form names rows by uid", all(tuple(int(part) for part in uid) in member for uid in numpy.load(f"{foreign}/subset.npy")), True)
    check("keys name one row each", frame.key.is_unique and bool(frame.key.notna().all()), True)
    folder = datasets.load_dataset("imagefolder", data_dir=f"{jsonl}/train", split="train")
    check("datasets: imagefolder has pictures and columns", (folder.num_rows, type(folder.features["image"]).__name__, "caption" in folder.column_names), (train, "Image", True))
    check("datasets reads the jsonl card with pictures", datasets.load_dataset(jsonl)["train"][0]["image"].size, folder[0]["image"].size)

    croissant = mlcroissant.Dataset(f"{tars}/croissant.json")
    check("mlcroissant validates", list(croissant.metadata.ctx.issues.errors), [])
    check("mlcroissant reads texts", sum(1 for _ in croissant.records("train-texts")), train)
    check("mlcroissant reads images", sum(1 for _ in croissant.records("validation-images")), validation)

    with webdataset.ShardWriter(f"{foreign}/%05d.tar", maxcount=4, verbose=0) as sink:
        for i, (image, text, _) in enumerate(samples[:10]):
            pixels = io.BytesIO()
            image.save(pixels, "PNG" if i % 2 else "JPEG")
            sink.write({"__key__": f"a/sample{i}", "png" if i % 2 else "jpg": pixels.getvalue(), "txt": text, "json": {"n": i}})
    if img2dataset is None:
        print("--  img2dataset was not tried: install it into the environment")
    else:
        import functools
        import http.server
        import os
        import threading

        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=f"{jsonl}/train")
        handler.log_message = lambda *_: None
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with open(f"{foreign}/urls.tsv", "w") as out:
            out.write("url\tcaption\n")
            for line in lines.select(range(8)):
                out.write(f"http://127.0.0.1:{server.server_port}/{line['file_name']}\t{line['caption']}\n")
            out.write(f"http://127.0.0.1:{server.server_port}/nothing.jpg\tnothing\n")
        img2dataset.download(
            url_list=f"{foreign}/urls.tsv", input_format="tsv", url_col="url", caption_col="caption",
            output_folder=f"{foreign}/img2dataset", output_format="webdataset", image_size=32, processes_count=1,
            thread_count=2, number_sample_per_shard=5, enable_wandb=False,
        )
        server.shutdown()
        theirs = json.load(open(f"{foreign}/img2dataset/00000_stats.json"))
        ours = json.load(open(f"{tars}/train/00000_stats.json"))
        check("img2dataset's stats have no words that ours lack", sorted(set(theirs) - set(ours)), [])
        theirs = pyarrow.parquet.read_schema(f"{foreign}/img2dataset/00000.parquet")
        check("img2dataset's columns are among ours, of the same types", [f.name for f in theirs if f.name not in table.column_names or table.schema.field(f.name).type != f.type], [])
        member = json.loads(next(iter(webdataset.WebDataset(f"{foreign}/img2dataset/00000.tar", shardshuffle=False)))["json"])
        check("img2dataset's JSON words are among ours", sorted(set(member) - set(samples[0][2])), [])

    rows.select(range(10)).to_parquet(f"{foreign}/train-00000-of-00001.parquet")
    print("ok  foreign shards and parquet written: 10 samples each")


if __name__ == "__main__":  # img2dataset starts processes that import this file
    main()
