"""ImageBERT (arXiv 2001.07966 §4) once more, in plain PyTorch, on the weights and batches that follow.ts wrote: the same losses?

Shares no code with ours and uses PyTorch's own encoder layer, AdamW, clipping and schedule. Prints a table of the five losses over
the steps and the largest relative distance of any of them, each smoothed over ten steps, and exits with 1 above 2 %.
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

folder = Path(sys.argv[1])
run = json.loads((folder / "run.json").read_text())
config, special, schedule, adamw, ours = (run[name] for name in ["config", "special", "schedule", "optimizer", "ours"])
H, heads, eps = config["hiddenSize"], config["heads"], config["layerNormEpsilon"]


class ImageBert(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(config["vocabularySize"], H)
        self.positions = nn.Embedding(config["maxPositions"], H)
        self.segments = nn.Embedding(2, H)
        self.text_norm, self.visual_norm = nn.LayerNorm(H, eps), nn.LayerNorm(H, eps)
        self.feature, self.box = nn.Linear(config["featureSize"], H), nn.Linear(5, H)
        layer = nn.TransformerEncoderLayer(
            H, heads, config["feedForwardSize"], 0.0, "gelu", layer_norm_eps=eps, batch_first=True, norm_first=False
        )
        self.encoder = nn.TransformerEncoder(layer, config["layers"], enable_nested_tensor=False)
        self.pooler, self.itm = nn.Linear(H, H), nn.Linear(H, 1)
        self.transform, self.transform_norm = nn.Linear(H, H), nn.LayerNorm(H, eps)
        self.word_bias = nn.Parameter(torch.zeros(config["vocabularySize"]))
        self.moc, self.mrfr = nn.Linear(H, config["classes"]), nn.Linear(H, config["featureSize"])

    def embed_words(self, ids, first_position, segment):
        at = torch.arange(first_position, first_position + ids.shape[1])
        return self.text_norm(self.words(ids) + self.positions(at) + self.segments.weight[segment])

    def forward(self, b):
        N = b["pieces"].shape[0]
        said = self.embed_words(b["pieces"].long(), 3, 1)
        features = (b["features"] - b["featureMean"]) * b["featureScale"]
        shown = (b["regionMask"] * b["regionShown"]).unsqueeze(-1)
        seen = self.feature(features * shown) + self.box(b["boxes"]) + self.positions.weight[1] + self.segments.weight[0]
        seen = self.visual_norm(seen)
        one = lambda piece, at: self.embed_words(torch.full((2 * N, 1), special[piece]), at, 0)
        partners = b["partners"].long()
        twice = torch.cat([seen, seen]), torch.cat([b["regionMask"]] * 2)
        texts = torch.cat([said, said[partners]]), torch.cat([b["pieceMask"], b["pieceMask"][partners]])
        tokens = torch.cat([one("clsId", 0), twice[0], one("sepId", 2), texts[0]], 1)
        ones = torch.ones(2 * N, 1)
        counts = torch.cat([ones, twice[1], ones, texts[1]], 1)
        hidden = self.encoder(tokens, src_key_padding_mask=counts == 0)
        flat = hidden.reshape(-1, H)

        def mean(values, weights):
            return (values * weights).sum() / weights.sum().clamp(min=1)

        masked = self.transform_norm(F.gelu(self.transform(flat[b["mlmPlaces"].long()])))
        words = masked @ self.words.weight.T + self.word_bias
        asked = flat[b["regionPlaces"].long()]
        targets = features.reshape(-1, features.shape[-1])[b["regionRows"].long()]
        distance = (self.mrfr(asked) - targets).square().mean(-1)
        logits = self.itm(torch.tanh(self.pooler(hidden[:, 0]))).squeeze(-1)
        return {
            "mlm": mean(F.cross_entropy(words, b["mlmLabels"].long(), reduction="none"), b["mlmCounts"]),
            "moc": mean(F.cross_entropy(self.moc(asked), b["regionLabels"].long(), reduction="none"), b["regionCounts"]),
            "mrfr": mean(distance, b["regionCounts"]),
            "itm": mean(F.binary_cross_entropy_with_logits(logits, b["matched"], reduction="none"), b["matchCounts"]),
        }


def load(model):
    """Copies our tensors, which have Hugging Face's names, and checks that none is left over."""
    left = load_file(folder / "model.safetensors")

    def both(module, name):
        yield module.weight, left.pop(f"{name}.weight")
        yield module.bias, left.pop(f"{name}.bias")

    pairs = [
        (model.words.weight, left.pop("bert.embeddings.word_embeddings.weight")),
        (model.positions.weight, left.pop("bert.embeddings.position_embeddings.weight")),
        (model.segments.weight, left.pop("bert.embeddings.token_type_embeddings.weight")),
        (model.word_bias, left.pop("cls.predictions.bias")),
    ]
    named = {
        "bert.embeddings.LayerNorm": model.text_norm,
        "visual.feature": model.feature,
        "visual.box": model.box,
        "visual.LayerNorm": model.visual_norm,
        "bert.pooler.dense": model.pooler,
        "cls.predictions.transform.dense": model.transform,
        "cls.predictions.transform.LayerNorm": model.transform_norm,
        "cls.moc": model.moc,
        "cls.mrfr": model.mrfr,
        "cls.itm": model.itm,
    }
    for i, layer in enumerate(model.encoder.layers):
        at = f"bert.encoder.layer.{i}"
        for kind, into in [("weight", layer.self_attn.in_proj_weight), ("bias", layer.self_attn.in_proj_bias)]:
            parts = [left.pop(f"{at}.attention.self.{part}.{kind}") for part in ["query", "key", "value"]]
            pairs.append((into, torch.cat(parts)))
        named[f"{at}.attention.output.dense"] = layer.self_attn.out_proj
        named[f"{at}.attention.output.LayerNorm"] = layer.norm1
        named[f"{at}.intermediate.dense"] = layer.linear1
        named[f"{at}.output.dense"] = layer.linear2
        named[f"{at}.output.LayerNorm"] = layer.norm2
    for name, module in named.items():
        pairs += both(module, name)
    assert not left, f"left over: {sorted(left)}"
    with torch.no_grad():
        for parameter, values in pairs:
            assert parameter.shape == values.shape
            parameter.copy_(values)
    assert len(pairs) == len(list(model.parameters()))


model = ImageBert()
load(model)
model.train()
# Matrices and tables decay, biases and LayerNorm do not.
groups = [
    {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": adamw["decay"]},
    {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0},
]
optimizer = torch.optim.AdamW(groups, lr=schedule["peak"], betas=(adamw["beta1"], adamw["beta2"]), eps=adamw["epsilon"])
warm, total = schedule["warmupSteps"], schedule["totalSteps"]
rate = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda step: (step + 1) / warm if step < warm else (total - step) / (total - warm)
)
theirs = []
for step in range(total):
    losses = model(load_file(folder / f"step-{step}.safetensors"))
    loss = sum(losses.values())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), adamw["clipNorm"])
    optimizer.step()
    rate.step()
    theirs.append({"loss": loss.item(), **{name: one.item() for name, one in losses.items()}})

names = ["loss", "mlm", "moc", "mrfr", "itm"]
print("step  " + "  ".join(f"{name:>8} {'torch':>8}" for name in names))
for step in [0, *range(total // 10 - 1, total, total // 10)]:
    print(f"{step:4}  " + "  ".join(f"{ours[step][name]:8.4f} {theirs[step][name]:8.4f}" for name in names))
smooth = lambda curve, name, at: sum(one[name] for one in curve[max(0, at - 9) : at + 1]) / min(10, at + 1)
worst, single = {}, {}
for name in names:
    far = lambda mine, other: abs(mine - other) / abs(other)
    single[name] = max(far(ours[step][name], theirs[step][name]) for step in range(total))
    worst[name] = max(far(smooth(ours, name, step), smooth(theirs, name, step)) for step in range(total))
percent = lambda apart: ", ".join(f"{name} {100 * value:.3f} %" for name, value in apart.items())
print(f"largest distance over {total} steps: {percent(worst)} (single steps: {percent(single)})")
near = lambda name: worst[name] <= 0.02 or (name != "loss" and worst[name] <= 2 * run["rounding"][name])
sys.exit(0 if all(near(name) for name in names) else 1)
