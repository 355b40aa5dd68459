"""What a worker tells Prometheus, and the files of deploy/, read by those whose formats they are.

    check_scale.py METRICS deploy/kubernetes.yaml
"""

import sys

import kubernetes_validate
import yaml
from prometheus_client.parser import text_string_to_metric_families

text = open(sys.argv[1], encoding="utf-8").read()
families = {family.name: family for family in text_string_to_metric_families(text)}
for name, kind in {
    "lait_pages": "counter",
    "lait_images": "counter",
    "lait_reasons": "counter",
    "lait_received_bytes": "counter",
    "lait_hosts": "gauge",
    "lait_lag_seconds": "gauge",
    "lait_queue_urls": "gauge",
    "lait_store_up": "gauge",
    "process_cpu_seconds": "counter",
}.items():
    assert name in families, f"{name} is not among {sorted(families)}"
    assert families[name].type == kind, f"{name} is a {families[name].type}"
    assert families[name].documentation, name
pages = {sample.labels["status"]: sample.value for sample in families["lait_pages"].samples}
assert pages == {"fetched": 3, "failed": 1}, pages
reasons = [(sample.labels["class"], sample.labels["reason"], sample.value) for sample in families["lait_reasons"].samples]
assert reasons == [("failed", "http-404", 1)], reasons
hosts = {sample.labels["state"]: sample.value for sample in families["lait_hosts"].samples}
assert hosts == {"ready": 2, "resting": 5, "put-off": 1, "held": 4}, hosts
print("ok  prometheus_client reads /metrics:", len(families), "families")

version = "1.33"
kinds = []
for document in yaml.safe_load_all(open(sys.argv[2], encoding="utf-8")):
    kubernetes_validate.validate(document, version, strict=True)
    kinds.append(document["kind"])
assert len(kinds) == 5, kinds
broken = dict(document, spec=dict(document["spec"], scedule="0 3 * * *"))
try:
    kubernetes_validate.validate(broken, version, strict=True)
    raise SystemExit("a misspelt key was not seen")
except kubernetes_validate.ValidationError:
    pass
print("ok  kubernetes-validate takes deploy/kubernetes.yaml:", ", ".join(kinds))
