"""
Makes the fixture of bert.test.ts: a BertModel with random weights, two sentences of different lengths, and the hidden states that
Hugging Face's transformers gives for them.   python3 make.py   (pip install torch transformers safetensors)

With the folder of a checkpoint it shows that transformers reads our encoder:   python3 make.py CHECKPOINT
prints the hidden states of [CLS] 5 6 7 [SEP], which bert.test.ts's `ours` computes from the same folder.
"""
import json, os, sys
import torch
from transformers import BertConfig, BertModel

here = os.path.dirname(os.path.abspath(__file__))


def hidden(model, ids, mask):
    model.eval()
    with torch.no_grad():
        return model(torch.tensor(ids), attention_mask=torch.tensor(mask)).last_hidden_state


if len(sys.argv) > 1:
    model, report = BertModel.from_pretrained(sys.argv[1], output_loading_info=True)
    print(json.dumps({'missing': sorted(report['missing_keys']), 'hidden': hidden(model, [[2, 5, 6, 7, 3]], [[1] * 5]).flatten().tolist()}))
else:
    torch.manual_seed(7)
    config = BertConfig(vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48, max_position_embeddings=16)
    model = BertModel(config)
    with torch.no_grad():  # far from the start, where biases are 0 and LayerNorms 1
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    ids, mask = [[2, 5, 9, 30, 7, 3], [2, 11, 3, 0, 0, 0]], [[1] * 6, [1, 1, 1, 0, 0, 0]]
    model.save_pretrained(here)
    states = hidden(model, ids, mask)
    with open(os.path.join(here, 'expected.json'), 'w') as file:
        json.dump({'ids': ids, 'mask': mask, 'shape': list(states.shape), 'hidden': [round(x, 6) for x in states.flatten().tolist()]}, file)
