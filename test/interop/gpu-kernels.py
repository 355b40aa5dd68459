"""Writes down for which types TensorFlow has GPU kernels, and which of their arguments lie in the host's memory: the registry of the pip
wheel, which has them without a card.

    PYTHON test/interop/gpu-kernels.py < OPS > test/model/runtime/gpu-kernels.json      PYTHON has tensorflow, as docs/gpu.md says; OPS is a name a line
"""
import json
import sys

import tensorflow
from tensorflow.python.framework import kernels, op_def_registry

# float32, int32, uint8, string, int64, bool, bfloat16, uint16, half, resource, uint32, uint64: those that our graphs have.
TYPES = {1, 3, 4, 7, 9, 10, 14, 17, 19, 20, 22, 23}


def argument(arg):
    """Its name, and the attribute that says how many tensors it is, where it may be several."""
    return [arg.name, arg.number_attr or arg.type_list_attr] if arg.number_attr or arg.type_list_attr else [arg.name]


def merged(rows):
    """Kernels that differ in the types of one attribute only, as one."""
    for name in sorted({name for types, _ in rows for name in types}):
        groups = {}
        for types, host in rows:
            key = json.dumps([{other: types[other] for other in sorted(types) if other != name}, name in types, host])
            groups.setdefault(key, []).append((types, host))
        rows = []
        for group in groups.values():
            types, host = dict(group[0][0]), group[0][1]
            if name in types:
                types[name] = sorted({one for own, _ in group for one in own[name]})
            rows.append((types, host))
    return [dict(types=types, **({"host": host} if host else {})) for types, host in rows]


def kernels_of(definition):
    defaults = {attr.name: attr.default_value.s for attr in definition.attr}
    rows = []
    for kernel in kernels.get_registered_kernels_for_op(definition.name).kernel:
        if kernel.device_type not in ("GPU", "DEFAULT") or kernel.label:
            continue
        words = [one for one in kernel.constraint if one.allowed_values.list.s]
        # Our graphs leave words as they are by default.
        if any(defaults[one.name] not in one.allowed_values.list.s for one in words):
            continue
        own = [one for one in kernel.constraint if one not in words]
        types = {one.name: sorted(set(one.allowed_values.list.type) & TYPES) for one in own}
        if all(types.values()) or not types:
            rows.append((types, sorted(kernel.host_memory_arg)))
    return merged(rows)


table = {}
for op in sorted(set(sys.stdin.read().split())):
    definition = op_def_registry.get(op)
    table[op] = dict(
        inputs=[argument(arg) for arg in definition.input_arg],
        outputs=[argument(arg) for arg in definition.output_arg],
        defaults={attr.name: attr.default_value.type for attr in definition.attr if attr.default_value.type},
        kernels=kernels_of(definition),
    )
print('{"tensorflow": ' + json.dumps(tensorflow.__version__) + ', "ops": {')
print(",\n".join(f"{json.dumps(op)}: {json.dumps(entry)}" for op, entry in table.items()))
print("}}")
