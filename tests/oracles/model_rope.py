"""Writes tests/model/data/rope_tables.json: RoPE tables of many config.json files.

The formulas are those of transformers 5.23 (modeling_rope_utils), written anew in float64 numpy so
that the numbers do not depend on float32 roundings of the library.

    python3 tests/oracles/model_rope.py tests/model/data/rope_tables.json
"""

import json
import math
import sys

import numpy as np

BASE = {
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": 100,
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5,
}
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}
YARN = {"factor": 4.0, "original_max_position_embeddings": 32768}

CASES = {
    "default": {},
    "theta": {"rope_theta": 500000.0},
    "head_dim 128": {"head_dim": 128, "rope_theta": 1000000.0},
    "null scaling": {"rope_scaling": None},
    "default type": {"rope_scaling": {"rope_type": "default"}},
    "new style default": {"rope_parameters": {"rope_type": "default", "rope_theta": 250000.0}},
    "linear, old key": {"rope_scaling": {"type": "linear", "factor": 4.0}},
    "linear, new key": {"rope_scaling": {"rope_type": "linear", "factor": 2.5}},
    "llama 3.1": {"rope_theta": 500000.0, "head_dim": 128,
                  "rope_scaling": {"rope_type": "llama3", **LLAMA3}},
    "llama 3.2": {"rope_theta": 500000.0,
                  "rope_scaling": {"rope_type": "llama3", **LLAMA3, "factor": 32.0}},
    "llama 3, new style": {"rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0,
                                               **LLAMA3}},
    "llama 3, context from outside": {
        "rope_theta": 500000.0, "original_max_position_embeddings": 4096,
        "rope_scaling": {"rope_type": "llama3", **LLAMA3}},
    "yarn": {"rope_scaling": {"rope_type": "yarn", **YARN}},
    "yarn, old key": {"rope_theta": 1000000.0, "head_dim": 128,
                      "rope_scaling": {"type": "yarn", **YARN}},
    "yarn, no original context": {"max_position_embeddings": 4096,
                                  "rope_scaling": {"rope_type": "yarn", "factor": 16.0}},
    "yarn, betas": {"rope_scaling": {"rope_type": "yarn", **YARN, "beta_fast": 24, "beta_slow": 2}},
    "yarn, attention factor": {"rope_scaling": {"rope_type": "yarn", **YARN,
                                                "attention_factor": 0.75}},
    "yarn, mscale": {"rope_scaling": {"rope_type": "yarn", **YARN, "mscale": 1.0,
                                      "mscale_all_dim": 0.5}},
    "yarn, not truncated": {"rope_scaling": {"rope_type": "yarn", **YARN, "truncate": False}},
    "yarn, factor 1": {"rope_scaling": {"rope_type": "yarn", **YARN, "factor": 1.0}},
    "yarn, ramp of no width": {"rope_theta": 10000.0, "head_dim": 8,
                               "rope_scaling": {"rope_type": "yarn", "factor": 4.0,
                                                "original_max_position_embeddings": 8}},
    "yarn, short context": {"rope_scaling": {"rope_type": "yarn", "factor": 8.0,
                                             "original_max_position_embeddings": 128}},
}


def parameters(config):
    found = dict(config.get("rope_scaling") or config.get("rope_parameters") or {})
    found.setdefault("rope_theta", config.get("rope_theta", 10000.0))
    found.setdefault("rope_type", found.get("type", "default"))
    if "original_max_position_embeddings" in config:
        found["original_max_position_embeddings"] = config["original_max_position_embeddings"]
    found.setdefault("original_max_position_embeddings", config["max_position_embeddings"])
    return found


def llama3(inverse, p):
    context = p["original_max_position_embeddings"]
    low, high = p["low_freq_factor"], p["high_freq_factor"]
    wavelength = 2 * math.pi / inverse
    scaled = np.where(wavelength > context / low, inverse / p["factor"], inverse)
    smooth = (context / wavelength - low) / (high - low)
    between = ~(wavelength < context / high) & ~(wavelength > context / low)
    return np.where(between, (1 - smooth) * scaled / p["factor"] + smooth * scaled, scaled)


def yarn(inverse, p, dim):
    def dimension(rotations):
        context = p["original_max_position_embeddings"]
        return dim * math.log(context / (rotations * 2 * math.pi)) / (2 * math.log(p["rope_theta"]))

    def mscale(scale, m=1.0):
        return 1.0 if scale <= 1 else 0.1 * m * math.log(scale) + 1.0

    low, high = dimension(p.get("beta_fast") or 32), dimension(p.get("beta_slow") or 1)
    if p.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    if low == high:
        high += 0.001
    ramp = np.clip((np.arange(dim // 2) - low) / (high - low), 0, 1)
    magnitude = p.get("attention_factor")
    if magnitude is None:
        if p.get("mscale") and p.get("mscale_all_dim"):
            magnitude = mscale(p["factor"], p["mscale"]) / mscale(p["factor"], p["mscale_all_dim"])
        else:
            magnitude = mscale(p["factor"])
    return inverse / p["factor"] * ramp + inverse * (1 - ramp), magnitude


def table(config):
    dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    p = parameters(config)
    inverse = 1.0 / p["rope_theta"] ** (np.arange(0, dim, 2, dtype=np.float64) / dim)
    if p["rope_type"] == "linear":
        return inverse / p["factor"], 1.0
    if p["rope_type"] == "llama3":
        return llama3(inverse, p), 1.0
    if p["rope_type"] == "yarn":
        return yarn(inverse, p, dim)
    return inverse, 1.0


def main():
    lines = []
    for name, fields in CASES.items():
        config = {**BASE, **fields}
        inverse, magnitude = table(config)
        lines.append(json.dumps({"name": name, "config": config, "magnitude": magnitude,
                                 "inverse_frequencies": inverse.tolist()}))
    with open(sys.argv[1], "w") as out:
        out.write("[\n" + ",\n".join(lines) + "\n]\n")


main()
