"""What `datasets` and webdataset make of exports with `--encode original`, whose pictures are of five formats and whose columns are
empty in the first samples. Arguments: the webdataset, the parquet and the jsonl export, and how many pictures there are."""

import glob
import io

import sys


import datasets

import webdataset
from PIL import Image

from check import check

FORMATS = ["AVIF", "GIF", "JPEG", "PNG", "WEBP"]


def formats_of(pictures):
    return sorted({Image.open(io.BytesIO(picture["bytes"])).format for picture in pictures})


def main():
    tars, parquet, jsonl, images = *sys.argv[1:4], int(sys.argv[4])
    datasets.disable_progress_bars()
    undecoded = datasets.Image(decode=False)

    by_card = datasets.load_dataset(tars)["train"]
    check("datasets: mixed formats load by the card", by_card.num_rows, images)
    check("datasets: every picture is one column and decoded", all(row["jpg"].size == (row["json"]["width"], row["json"]["height"]) for row in by_card), True)
    check("datasets: the bytes are the originals", formats_of(by_card.cast_column("jpg", undecoded)["jpg"]), FORMATS)
    check("datasets: texts, empty ones too", [row["txt"] for row in by_card] == [row["json"]["caption"] for row in by_card], True)
    rare = ["similarity", "LANGUAGE", "punsafe", "is_art", "NSFW", "tags"]
    def filled(rows):
        return {name: sum(1 for row in rows if row.get(name) not in (None, "")) for name in rare}
    check("datasets: what only the last samples have is there", filled([row["json"] for row in by_card]), {name: 4 for name in rare})
    shards = sorted(glob.glob(f"{tars}/train/*.tar"))
    alone = datasets.load_dataset("webdataset", data_files=shards, split="train", features=by_card.features)
    check("datasets: the files alone load with the card's features", alone.num_rows, images)
    streamed = list(datasets.load_dataset(tars, split="train", streaming=True))
    check("datasets: mixed formats stream", (len(streamed), all(row["jpg"].size[1] == 30 for row in streamed)), (images, True))
    check("webdataset: every picture decodes", sum(1 for image, _ in webdataset.WebDataset(shards, shardshuffle=False).decode("pil").to_tuple("jpg", "txt") if image.size[1] == 30), images)

    rows = datasets.load_dataset(parquet)["train"]
    check("datasets: parquet of mixed formats", (rows.num_rows, all(row["image"].size == (row["width"], row["height"]) for row in rows)), (images, True))
    check("datasets: parquet has the originals", formats_of(rows.cast_column("image", undecoded)["image"]), FORMATS)
    check("datasets: parquet's rare columns", filled(rows), {name: 4 for name in rare})

    folder = datasets.load_dataset(jsonl)["train"]
    check("datasets: the jsonl card of mixed formats", (folder.num_rows, all(row["image"].size == (row["width"], row["height"]) for row in folder)), (images, True))
    check("datasets: jsonl's rare columns", filled(folder), {name: 4 for name in rare})
    by_folder = datasets.load_dataset("imagefolder", data_dir=f"{jsonl}/train", split="train", features=folder.features)
    check("datasets: imagefolder of mixed formats", (by_folder.num_rows, sorted(by_folder["caption"]) == sorted(folder["caption"])), (images, True))
    types = datasets.Features({"file_name": datasets.Value("string"), **{name: type for name, type in folder.features.items() if name != "image"}})
    lines = datasets.load_dataset("json", data_files=sorted(glob.glob(f"{jsonl}/train/*.jsonl")), split="train", features=types)
    check("datasets: lines of JSON with the card's types", (lines.num_rows, all(Image.open(f"{jsonl}/train/{line['file_name']}").size == (line["width"], line["height"]) for line in lines)), (images, True))


if __name__ == "__main__":
    main()
