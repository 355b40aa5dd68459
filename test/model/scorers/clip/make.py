"""Makes the tiny CLIP and SigLIP of this folder with Hugging Face's transformers and what they say of three texts and three pictures.

    pip install torch transformers tokenizers onnx pillow
    python make.py
"""
import json
import shutil
from pathlib import Path

import numpy
import torch
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, SiglipConfig, SiglipImageProcessor, SiglipModel
from transformers import PreTrainedTokenizerFast

here = Path(__file__).parent
texts = ["a red boat on the beach", "Two dogs play in the snow!", "the beach " * 20]
corpus = [*texts, "a small boat", "a dog in red snow", "two boats on a beach"]


class Text(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        pooled = self.model.text_model(input_ids=input_ids).pooler_output
        return self.model.text_projection(pooled) if hasattr(self.model, "text_projection") else pooled


class Vision(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        pooled = self.model.vision_model(pixel_values=pixel_values).pooler_output
        return self.model.visual_projection(pooled) if hasattr(self.model, "visual_projection") else pooled


def pictures(side):
    """Smooth ones, the size of the network's input: no resizing, so that only the network is compared."""
    y, x = numpy.mgrid[0:side, 0:side] / side
    for red, green, blue in [(x, y, x * y), (1 - x, x, y), (y * y, 1 - y, x)]:
        yield Image.fromarray((numpy.stack([red, green, blue], -1) * 255).astype("uint8"))


def clip_tokenizer():
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    special = ["<|startoftext|>", "<|endoftext|>"]
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=80, special_tokens=special, end_of_word_suffix="</w>"))
    # The public CLIP's end is its largest number; the model finds the end by it.
    start, end = (tokenizer.token_to_id(one) for one in special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>", special_tokens=[(special[0], start), (special[1], end)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=special[0], eos_token=special[1], pad_token=special[1], model_max_length=16
    )


def siglip_tokenizer():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        corpus, trainers.UnigramTrainer(vocab_size=60, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>")
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", model_max_length=12
    )


def make(name, model, tokenizer, processor, length, side, padding):
    folder = here / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "onnx").mkdir(parents=True)
    model.eval()
    model.config.save_pretrained(folder)
    processor.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    ids = tokenizer(texts, padding=padding, truncation=True, max_length=length, return_tensors="pt").input_ids
    images = list(pictures(side))
    for at, image in enumerate(images):
        image.save(folder / f"{at}.png", optimize=True)
    seen = processor(images=images, return_tensors="pt").pixel_values
    text, vision = Text(model), Vision(model)
    with torch.no_grad():
        said = torch.nn.functional.normalize(text(ids), dim=-1)
        shown = torch.nn.functional.normalize(vision(seen), dim=-1)
        for part, example, file, taken, given in [
            (text, ids, "text_model", "input_ids", "text_embeds" if name == "clip" else "pooler_output"),
            (vision, seen, "vision_model", "pixel_values", "image_embeds" if name == "clip" else "pooler_output"),
        ]:
            axes = {0: "batch", 1: "length"} if taken == "input_ids" and name == "clip" else {0: "batch"}
            torch.onnx.export(
                part, (example,), str(folder / "onnx" / f"{file}.onnx"), input_names=[taken], output_names=[given],
                dynamic_axes={taken: axes, given: {0: "batch"}}, opset_version=17, dynamo=False,
            )
    cosines = (shown @ said.T).tolist()
    expected = {"texts": texts, "ids": ids.tolist(), "cosines": cosines}
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")


torch.manual_seed(1)
sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
wide = {"initializer_factor": 20.0}
tokenizer = clip_tokenizer()
config = CLIPConfig(
    text_config={**sizes, **wide, "vocab_size": len(tokenizer), "max_position_embeddings": 16, "projection_dim": 8,
                 "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id},
    vision_config={**sizes, **wide, "image_size": 32, "patch_size": 16, "projection_dim": 8},
    projection_dim=8, **wide,
)
processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
make("clip", CLIPModel(config), tokenizer, processor, 16, 32, True)

tokenizer = siglip_tokenizer()
config = SiglipConfig(
    text_config={**sizes, "vocab_size": len(tokenizer), "max_position_embeddings": 12, "projection_size": 16},
    vision_config={**sizes, "image_size": 32, "patch_size": 16},
)
model = SiglipModel(config)
processor = SiglipImageProcessor(size={"height": 32, "width": 32})
make("siglip", model, tokenizer, processor, 12, 32, "max_length")
