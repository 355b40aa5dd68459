"""Sets as the field's own tools write them, small. pip install webdataset pyarrow pillow zstandard; python make.py"""

import gzip
import io
import json
import math
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import webdataset
import zstandard
from PIL import Image

here = Path(__file__).parent


def jpeg(red: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (24, 16), (red, 90, 60)).save(out, "jpeg")
    return out.getvalue()


def add(tar, name, body):
    info = tarfile.TarInfo(name)
    info.size = len(body)
    tar.addfile(info, io.BytesIO(body))


# What img2dataset's and LAION's metadata look like, NaN among it, by webdataset's own writer.
plain = io.BytesIO()
with webdataset.TarWriter(plain) as sink:
    for i, similarity in enumerate([0.31, math.nan, math.inf]):
        about = {
            "caption": f"Picture {i}",
            "url": f"https://a.example/{i}.jpg",
            "key": f"00000000{i}",
            "status": "success",
            "error_message": None,
            "width": 24,
            "height": 16,
            "original_width": 480,
            "original_height": 320,
            "exif": json.dumps({"Image Make": "A camera", "GPS GPSLatitude": "[51, 30, 0]"}),
            "sha256": f"{i}" * 64,
            "similarity": similarity,
            "punsafe": 0.01,
            "pwatermark": 0.5 if i else None,
            "NSFW": "UNLIKELY",
        }
        sink.write({"__key__": f"00000000{i}", "jpg": jpeg(60 * i), "txt": f"Picture {i}", "json": about})
(here / "laion.tar.gz").write_bytes(gzip.compress(plain.getvalue(), mtime=0))
(here / "laion.tar.zst").write_bytes(zstandard.ZstdCompressor().compress(plain.getvalue()))

# Names: a folder, a colon, `./`, upper case, several dots, PAX and GNU headers.
for form, name in ((tarfile.PAX_FORMAT, "pax"), (tarfile.GNU_FORMAT, "gnu")):
    with tarfile.open(here / f"names-{name}.tar.gz", "w:gz", format=form) as tar:
        folder = tarfile.TarInfo("d")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for key, ending in (
            ("a:b", "jpg"),
            ("./c", "JPG"),
            ("d/e", "jpeg"),
            ("f", "input.jpg"),
            ("v1.0/g", "jpg"),
            ("ü" * 70 + "/" + "h" * 60, "jpg"),
        ):
            add(tar, f"{key}.{ending}", jpeg(50))
            add(tar, f"{key}.txt", f"One of {key[:5]}\nTwo of {key[:5]}\n".encode())
        link = tarfile.TarInfo("i.jpg")
        link.type = tarfile.LNKTYPE
        link.linkname = "a:b.jpg"
        tar.addfile(link)
        add(tar, "i.txt", b"A link")

# Hugging Face's struct, list of captions and split, in every codec.
image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
table = pa.table(
    {
        "image": pa.array([{"bytes": jpeg(40 * i), "path": f"{i}.jpg"} for i in range(4)], image),
        "captions": pa.array([[f"Caption {i}", f"Other {i}"] for i in range(4)]),
        "split": ["train", "val", "test", "restval"],
        "similarity": [0.1, 0.2, math.nan, None],
        "label": pa.array([1, 2, 3, 4], pa.int64()),
    }
)
(here / "codecs").mkdir(exist_ok=True)
for codec in ("none", "snappy", "gzip", "brotli", "zstd", "lz4"):
    pq.write_table(table, here / "codecs" / f"interval-{codec}.parquet", compression=codec, write_page_index=False)

# LAION's names, the image as plain bytes under a name of its own.
pq.write_table(
    pa.table(
        {
            "URL": ["https://b.example/1.jpg", "https://b.example/2.jpg"],
            "TEXT": ["A cat", "A dog"],
            "WIDTH": pa.array([640, 320], pa.int32()),
            "HEIGHT": pa.array([480, 240], pa.int32()),
            "similarity": [0.3, 0.4],
            "punsafe": [0.001, 0.9],
            "pwatermark": [0.1, 0.2],
            "content": pa.array([jpeg(10), jpeg(200)], pa.binary()),
            "thumbnail": pa.array([b"\x00", b"\x01"], pa.binary()),
        }
    ),
    here / "contest.parquet",
)
