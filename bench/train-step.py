"""The step of train-step.ts in PyTorch: the same layers, heads, losses, lengths and optimiser. Prints one line of JSON."""
import json, resource, sys, time
import torch
import torch.nn as nn
import torch.nn.functional as F

c = json.loads(sys.argv[1])
compiled, half = c['mode'].startswith('compile'), c['mode'].endswith('bf16')
H, A, V, D, K, R, W, N = (c[k] for k in ('hiddenSize', 'heads', 'vocabularySize', 'featureSize', 'classes', 'maxRegions', 'maxPieces', 'pairs'))
T, drop = R + W + 3, c['dropout']
torch.manual_seed(1)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(H, 3 * H), nn.Linear(H, H)
        self.wide, self.narrow = nn.Linear(H, c['feedForwardSize']), nn.Linear(c['feedForwardSize'], H)
        self.norm1, self.norm2 = nn.LayerNorm(H, eps=1e-12), nn.LayerNorm(H, eps=1e-12)

    def forward(self, x):
        q, k, v = self.qkv(x).view(x.shape[0], T, 3, A, H // A).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=drop)
        x = self.norm1(x + F.dropout(self.out(mixed.transpose(1, 2).reshape(x.shape)), drop))
        return self.norm2(x + F.dropout(self.narrow(F.gelu(self.wide(x))), drop))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.positions, self.segments = nn.Embedding(V, H), nn.Embedding(c['maxPositions'], H), nn.Embedding(2, H)
        self.norm, self.visual_norm = nn.LayerNorm(H, eps=1e-12), nn.LayerNorm(H, eps=1e-12)
        self.feature, self.box = nn.Linear(D, H), nn.Linear(5, H)
        self.layers = nn.ModuleList(Layer() for _ in range(c['layers']))
        self.pooler, self.itm = nn.Linear(H, H), nn.Linear(H, 1)
        self.transform, self.transform_norm, self.bias = nn.Linear(H, H), nn.LayerNorm(H, eps=1e-12), nn.Parameter(torch.zeros(V))
        self.moc, self.mrfr = nn.Linear(H, K), nn.Linear(H, D)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)

    def forward(self, b):
        words = self.norm(self.words(b['pieces']) + self.positions.weight[3:3 + W + 1] + self.segments.weight[1])
        seen = self.visual_norm(self.feature(b['features']) + self.box(b['boxes']) + self.positions.weight[1] + self.segments.weight[0])
        special = self.norm(self.words.weight[[101, 102]] + self.positions.weight[[0, 2]] + self.segments.weight[0])
        words, seen = torch.cat([words, words[b['partners']]]), torch.cat([seen, seen])
        first, middle = (special[i].expand(2 * N, 1, H) for i in (0, 1))
        x = F.dropout(torch.cat([first, seen, middle, words], 1), drop)
        for layer in self.layers:
            x = layer(x)
        flat = x.view(-1, H)
        hidden = self.transform_norm(F.gelu(self.transform(flat[b['mlmPlaces']])))
        mlm = F.cross_entropy(F.linear(hidden, self.words.weight, self.bias).float(), b['mlmLabels'])
        asked = flat[b['regionPlaces']]
        moc = F.cross_entropy(self.moc(asked).float(), b['regionLabels'])
        mrfr = F.mse_loss(self.mrfr(asked).float(), b['regionTargets'])
        score = self.itm(F.dropout(torch.tanh(self.pooler(x[:, 0])), drop)).squeeze(1)
        itm = F.binary_cross_entropy_with_logits(score.float(), b['matched'])
        return mlm + moc + mrfr + itm


room = lambda length: max(2, -(-length * 20 // 100))
M, G = N * room(W), N * room(R)
batch = {
    'pieces': torch.randint(200, V, (N, W + 1)), 'features': torch.randn(N, R, D), 'boxes': torch.rand(N, R, 5),
    'partners': torch.arange(1, N + 1) % N, 'matched': torch.cat([torch.ones(N), torch.zeros(N)]),
    'mlmPlaces': torch.randint(0, N * T, (M,)), 'mlmLabels': torch.randint(0, V, (M,)),
    'regionPlaces': torch.randint(0, N * T, (G,)), 'regionLabels': torch.randint(0, K, (G,)), 'regionTargets': torch.randn(G, D),
}
model = Model().train()
run = torch.compile(model) if compiled else model
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.01, fused=True)
times, cpu_times, first = [], [], None
for step in range(c['warm'] + c['timed']):
    started, before = time.perf_counter(), time.process_time()
    with torch.autocast('cpu', torch.bfloat16, enabled=half):
        loss = run(batch)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    first = first if first is not None else loss.item()
    if step >= c['warm']:
        times.append((time.perf_counter() - started) * 1000)
        cpu_times.append((time.process_time() - before) * 1000)
times.sort()
cpu_times.sort()
print(json.dumps({'name': '', 'stepMs': times[len(times) // 2], 'cpuMs': cpu_times[len(cpu_times) // 2], 'firstLoss': first, 'peakMb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
