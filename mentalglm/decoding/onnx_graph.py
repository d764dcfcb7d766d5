"""A dense GLM written out as an ONNX graph, which ONNX Runtime reads tokens with in a fraction of eager torch's time.

Nothing is traced or exported: the graph is a dozen node types, in the order of the model's own forward pass.

    ids ─ Gather ─┬─ norm ─ q, k, v ─ turn ─ attention ─ o ─ + ─┬─ norm ─ gate, up ─ SwiGLU ─ down ─ + ─ … ─ norm ─ head
                  └──────────────────────────────────────────┘  └───────────────────────────────────┘
"""

from typing import Any

import numpy as np

# The attention operator reads a cache of these: (rows, key-value heads, columns, head size).
CACHES = ("key", "value")


def supported(model: Any) -> bool:
    """Whether ``model`` is one that :func:`write_graph` knows: a dense GLM in float32 on CPU, of moderate size."""
    import torch

    config = model.config
    if type(model).__name__ != "GlmForCausalLM" or model.dtype != torch.float32 or model.device.type != "cpu":
        return False
    plain = all(type(part) is torch.nn.Linear for name, part in model.named_modules() if name.endswith("_proj"))
    rope = config.rope_parameters
    head = int(config.head_dim)
    size = 4 * sum(parameter.numel() for parameter in model.parameters())
    return bool(
        plain
        and type(model.lm_head) is torch.nn.Linear
        and config.hidden_act == "silu"
        and rope["rope_type"] == "default"
        and head % 16 == 0
        and int(head * rope.get("partial_rotary_factor", 1.0)) % 16 == 0
        and size < 1_500_000_000  # a graph is one protobuf message, which must stay below 2 GB
    )


def write_graph(model: Any) -> bytes:
    """The serialized graph of ``model``; see :class:`mentalglm.decoding.onnx_engine.OnnxEngine` for what it takes."""
    from onnx import TensorProto, helper, numpy_helper

    config = model.config
    heads, groups, size = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    nodes: list[Any] = []
    weights: list[Any] = []

    def weight(name: str, tensor: Any) -> str:
        array = tensor if isinstance(tensor, np.ndarray) else tensor.detach().numpy()
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(kind: str, inputs: list[str], outputs: list[str], domain: str = "", **settings: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], domain=domain, **settings))
        return outputs[0]

    def norm(name: str, layer: Any, inputs: list[str]) -> tuple[str, str]:
        """The normalised sum of ``inputs``, and the sum."""
        scale = weight(f"{name}.scale", layer.weight)
        epsilon = float(layer.variance_epsilon)
        if len(inputs) == 1:
            outputs = [f"{name}.out"]
            node("SimplifiedLayerNormalization", [inputs[0], scale], outputs, axis=-1, epsilon=epsilon)
            return outputs[0], inputs[0]
        outputs = [f"{name}.out", "", "", f"{name}.sum"]
        domain = "com.microsoft"
        node("SkipSimplifiedLayerNormalization", [*inputs, scale], outputs, domain, epsilon=epsilon)
        return outputs[0], outputs[3]

    cosines, sines = _rotary(model)
    tables = [weight("cosines", cosines), weight("sines", sines)]
    decoder = model.get_decoder()
    stream = [node("Gather", [weight("embedding", decoder.embed_tokens.weight), "ids"], ["embedded"])]
    for number, layer in enumerate(decoder.layers):
        name = f"layer{number}"
        attention, mlp = layer.self_attn, layer.mlp
        normed, total = norm(f"{name}.before", layer.input_layernorm, stream)
        for kind, part in (("q", attention.q_proj), ("k", attention.k_proj), ("v", attention.v_proj)):
            # The operator multiplies one row of queries several times faster when it need not scale them.
            scale = float(attention.scaling) if kind == "q" else 1.0
            out = node("MatMul", [normed, weight(f"{name}.{kind}", part.weight.T * scale)], [f"{name}.{kind}.out"])
            if part.bias is not None:
                node("Add", [out, weight(f"{name}.{kind}.bias", part.bias * scale)], [f"{name}.{kind}.biased"])
        end = "out" if attention.q_proj.bias is None else "biased"
        # The attention operator could turn these itself, but would not take the positions of a tree.
        for kind, count in (("q", heads), ("k", groups)):
            node(
                "RotaryEmbedding",
                [f"{name}.{kind}.{end}", "positions", *tables],
                [f"{name}.{kind}.turned"],
                "com.microsoft",
                interleaved=1,
                num_heads=count,
                rotary_embedding_dim=2 * cosines.shape[1],
            )
        past = [f"{kind}{number}" for kind in CACHES]
        present = [f"{kind}{number}.new" for kind in CACHES]
        read = node(
            "GroupQueryAttention",
            [f"{name}.q.turned", f"{name}.k.turned", f"{name}.v.{end}", *past, "ends", "columns", "", "", "", "bias"],
            [f"{name}.read", *present],
            "com.microsoft",
            num_heads=heads,
            kv_num_heads=groups,
            scale=1.0,
            do_rotary=0,
        )
        out = node("MatMul", [read, weight(f"{name}.o", attention.o_proj.weight.T)], [f"{name}.o.out"])
        normed, total = norm(f"{name}.after", layer.post_attention_layernorm, [out, total])
        gate, up = mlp.gate_up_proj.weight.chunk(2)
        node("MatMul", [normed, weight(f"{name}.gate.weight", gate.T)], [f"{name}.gate"])
        node("MatMul", [normed, weight(f"{name}.up.weight", up.T)], [f"{name}.lift"])
        node("QuickGelu", [f"{name}.gate"], [f"{name}.swish"], "com.microsoft", alpha=1.0)
        node("Mul", [f"{name}.swish", f"{name}.lift"], [f"{name}.inner"])
        down = weight(f"{name}.down", mlp.down_proj.weight.T)
        stream = [node("MatMul", [f"{name}.inner", down], [f"{name}.down.out"]), total]
    node("Add", stream, ["stream"])
    node("Reshape", ["stream", weight("flat", np.array([-1, config.hidden_size]))], ["rows"])
    node("Gather", ["rows", "taken"], ["last"])
    normed, _ = norm("final", decoder.norm, ["last"])
    node("MatMul", [normed, weight("head", model.lm_head.weight.T)], ["logits"])

    integers, floats = TensorProto.INT64, TensorProto.FLOAT
    cache = ["rows_in", groups, "room", size]
    inputs = [
        helper.make_tensor_value_info("ids", integers, ["rows_in", "width"]),
        helper.make_tensor_value_info("positions", integers, ["rows_in", "width"]),
        helper.make_tensor_value_info("ends", TensorProto.INT32, ["rows_in"]),
        helper.make_tensor_value_info("columns", TensorProto.INT32, [1]),
        helper.make_tensor_value_info("bias", floats, ["rows_or_one", 1, "width", "total"]),
        helper.make_tensor_value_info("taken", integers, ["outputs"]),
    ]
    outputs = [helper.make_tensor_value_info("logits", floats, ["outputs", config.vocab_size])]
    for number in range(len(decoder.layers)):
        for kind in CACHES:
            inputs.append(helper.make_tensor_value_info(f"{kind}{number}", floats, cache))
            outputs.append(helper.make_tensor_value_info(f"{kind}{number}.new", floats, cache))
    graph = helper.make_graph(nodes, "glm", inputs, outputs, weights)
    versions = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return bytes(helper.make_model(graph, opset_imports=versions, ir_version=9).SerializeToString())


def _rotary(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """(positions, rotary size / 2): the cosines and sines of every position."""
    import torch

    turns = model.get_decoder().rotary_emb
    angles = torch.arange(model.config.max_position_embeddings)[:, None].float() * turns.inv_freq.cpu().float()
    return (angles.cos() * turns.attention_scaling).numpy(), (angles.sin() * turns.attention_scaling).numpy()
