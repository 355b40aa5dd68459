"""Makes the archives beside it as other people's tools write them: pip install warcio zstandard brotli; python make.py."""
import gzip
import io
import os
import struct
import zlib

import brotli
import zstandard
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

here = os.path.dirname(os.path.abspath(__file__))


def html(name):
    words = " ".join(f"word{n}" for n in range(60))
    return f'<title>{name}</title><main><h1>{name}</h1><p>{words}</p><img src="/{name}.jpg" alt="A picture of {name}"></main>'.encode()


def zstd_stream(body):  # as servers send it: no size of the content
    out = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(out, closefd=False) as writer:
        writer.write(body)
    return out.getvalue()


def chunked(body, size=100):
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x;note=1\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


bodies = {
    "plain": ([], html("plain")),
    "gzip": ([("Content-Encoding", "gzip")], gzip.compress(html("gzip"), mtime=0)),
    "deflate": ([("Content-Encoding", "deflate")], zlib.compress(html("deflate"))),
    "br": ([("Content-Encoding", "br")], brotli.compress(html("br"))),
    "zstd": ([("Content-Encoding", "zstd")], zstandard.compress(html("zstd"))),
    "zstd-stream": ([("Content-Encoding", "zstd")], zstd_stream(html("zstd-stream"))),
    "gzip-br": ([("Content-Encoding", "gzip, br")], brotli.compress(gzip.compress(html("gzip-br"), mtime=0))),
    "br-zstd": (
        [("Content-Encoding", "br"), ("Content-Encoding", "zstd")],
        zstandard.compress(brotli.compress(html("br-zstd"))),
    ),
    "chunked": ([("Transfer-Encoding", "chunked")], chunked(html("chunked"))),
    "chunked-gzip": (
        [("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")],
        chunked(gzip.compress(html("chunked-gzip"), mtime=0)),
    ),
    "said-chunked": ([("Transfer-Encoding", "chunked")], html("said-chunked")),
    "said-gzip": ([("Content-Encoding", "gzip")], html("said-gzip")),
    "two-rights": ([("X-Robots-Tag", "otherbot: noarchive"), ("X-Robots-Tag", "noai")], html("two-rights")),
    "not-br": ([("Content-Encoding", "br")], b"\xff" * 300),
}


def records(version, gzipped, names=bodies):
    """The bytes of each record."""
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=gzipped, warc_version=version)
    cuts = [0]

    def write(type_, url, payload=b"", http=None, length=None, extra=None):
        headers = {"WARC-Date": "2024-01-02T03:04:05Z", "WARC-Record-ID": f"<urn:test:{len(cuts)}>", **(extra or {})}
        record = writer.create_warc_record(
            url, type_, payload=io.BytesIO(payload), http_headers=http, warc_headers_dict=headers
        )
        writer.write_record(record)
        cuts.append(out.tell())

    info = writer.create_warcinfo_record("x.warc", {"software": "test"})
    info.rec_headers.replace_header("WARC-Date", "2024-01-02T03:04:05Z")
    info.rec_headers.replace_header("WARC-Record-ID", "<urn:test:0>")
    writer.write_record(info)
    cuts.append(out.tell())
    for name in names:
        url = f"https://site.example/{name}.html"
        headers, body = bodies[name]
        request = StatusAndHeaders("GET / HTTP/1.1", [("Host", "site.example")], is_http_request=True)
        write("request", url, http=request)
        answer = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8"), *headers], protocol="HTTP/1.1")
        write("response", url, body, answer)
        write("metadata", url, b"via: https://site.example/\r\n")
    write("resource", "https://site.example/resource.html", html("resource"), extra={"Content-Type": "text/html"})
    write("conversion", "https://site.example/plain.html", b"plain text", extra={"Content-Type": "text/plain"})
    revisited = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
    revisit = writer.create_revisit_record(
        "https://site.example/again.html",
        "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ",
        "https://site.example/plain.html",
        "2024-01-02T03:04:05Z",
        http_headers=revisited,
        warc_headers_dict={"WARC-Record-ID": "<urn:test:revisit>", "WARC-Date": "2024-01-02T03:04:05Z"},
    )
    writer.write_record(revisit)
    cuts.append(out.tell())
    data = out.getvalue()
    return [data[a:b] for a, b in zip(cuts, cuts[1:])]


def save(name, *parts):
    with open(os.path.join(here, name), "wb") as file:
        file.write(b"".join(parts))


def frames(plain, **options):
    compressor = zstandard.ZstdCompressor(level=9, write_checksum=True, **options)
    return [compressor.compress(record) for record in plain]


v10, v11 = records("1.0", False), records("1.1", False)
few = records("1.1", False, ["plain", "br", "gzip-br"])
save("encodings.warc.gz", *records("1.1", True))
save("encodings-1.0.warc", *v10)
save("frames.warc.zst", *frames(v11))
save("one-frame.warc.zst", *frames([b"".join(v11)]))
dictionary = zstandard.train_dictionary(2048, v11 * 8)
raw = dictionary.as_bytes()
with_dictionary = frames(few, dict_data=dictionary)


def skippable(content):
    return struct.pack("<II", 0x184D2A5D, len(content)) + content


save("dictionary.warc.zst", skippable(raw), *with_dictionary)
save("compressed-dictionary.warc.zst", skippable(zstandard.compress(raw)), *with_dictionary)
save("no-dictionary.warc.zst", *with_dictionary)
