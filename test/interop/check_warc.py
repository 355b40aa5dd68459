"""Reads a file of kept pages with Python's warcio and indexes it as pywb does: digests, types, targets and what replay would find."""
import io
import sys

from cdxj_indexer.main import CDXJIndexer
from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker


def check(what, found, wanted):
    assert found == wanted, f"{what}: {found!r} is not {wanted!r}"
    print("ok ", what)


path = sys.argv[1]
class Arguments:
    inputs, verbose = [path], False
check("warcio finds every digest right", Checker(Arguments()).process_all(), 0)
with open(path, "rb") as file:
    records = [
        (
            r.rec_headers.protocol,
            r.rec_type,
            r.rec_headers.get_header("WARC-Target-URI"),
            r.http_headers.get_header("content-type") if r.http_headers else None,
            r.content_stream().read().decode(),
        )
        for r in ArchiveIterator(file)
    ]
html, rendered = "<main><p>Une forêt</p></main>", "<main>rendered</main>"
check(
    "warcio reads the records",
    records,
    [
        ("WARC/1.1", "response", "https://site.example/a?x=1", "text/html; charset=utf-8", html),
        ("WARC/1.1", "conversion", "https://site.example/a?x=1", None, rendered),
        ("WARC/1.1", "metadata", None, None, ""),
        ("WARC/1.1", "response", "https://site.example/b", "text/html", html),
    ],
)
index = io.StringIO()
CDXJIndexer(index, [path]).process_all()
lines = [line.split(" ", 2)[0] for line in index.getvalue().splitlines()]
check("pywb's indexer lists the answers", lines, ["example,site)/a?x=1", "example,site)/b"])
