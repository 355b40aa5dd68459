"""mlcroissant validates the Croissant file of an import and iterates its texts: `check_croissant.py FILE COUNT`."""
import os
import sys
import tempfile

# mlcroissant keeps extracted archives by their names, and an export's shard has the same one.
os.environ["CROISSANT_CACHE"] = tempfile.mkdtemp(prefix="lait-croissant-")

import mlcroissant  # noqa: E402

path, count = sys.argv[1], int(sys.argv[2])
dataset = mlcroissant.Dataset(jsonld=path)
assert not dataset.metadata.ctx.issues.errors, dataset.metadata.ctx.issues.report()
texts = list(dataset.records("train-texts"))
assert len(texts) == count, len(texts)
print("ok  mlcroissant validates an import and iterates its texts:", len(texts))
