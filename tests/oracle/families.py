"""Tiny random models of every family, as transformers has them and as GGUF files.

FAMILIES has a row per kind of model people run; make(name, folder) is the model and its file. What a
file is called inside comes from gguf-py; what converters change in the weights stands here."""
import dataclasses
import math

import gguf
import numpy as np

WIDTH, HEADS, KV_HEADS, UNIT, WORDS = 64, 4, 2, 96, 320
ROPE = {"rope_type": "default", "rope_theta": 10000.0}


@dataclasses.dataclass
class Family:
    arch: str               # in the GGUF file
    config: str             # class of transformers
    settings: dict = dataclasses.field(default_factory=dict)
    keys: dict = dataclasses.field(default_factory=dict)     # of the file, beyond what all have
    tensors: dict = dataclasses.field(default_factory=dict)  # of the file alone
    interleaved: bool = False  # rows of q and k: neighbours are turned together
    plus_one: bool = False     # gains are stored as what is added to 1


def llama3_factors(rope, width):
    """What Llama 3.1 divides each frequency by."""
    factor, low, high = rope["factor"], rope["low_freq_factor"], rope["high_freq_factor"]
    context = rope["original_max_position_embeddings"]
    out = []
    for i in range(width // 2):
        turns = context / (2 * math.pi * rope["rope_theta"] ** (2 * i / width))
        smooth = (turns - low) / (high - low)
        out.append(1 if turns > high else factor if turns < low
                   else 1 / ((1 - smooth) / factor + smooth))
    return np.array(out, np.float32)


LLAMA3 = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 64}


def yarn(context, **more):
    return {"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0,
            "original_max_position_embeddings": context, **more}


def yarn_keys(context, **more):
    return {"rope.freq_base": 1000.0, "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0,
            "rope.scaling.original_context_length": context, **more}


def longrope(context, n_pairs, share):
    """Phi's two sets of factors: settings of transformers, keys and tensors of the file."""
    near, far = np.linspace(1, 1.5, n_pairs), np.linspace(1.2, 6, n_pairs)
    scale = math.sqrt(1 + math.log(1024 / context) / math.log(context))
    settings = {"max_position_embeddings": 1024, "original_max_position_embeddings": context,
                "rope_parameters": {"rope_type": "longrope", "rope_theta": 1000.0,
                                    "partial_rotary_factor": share,
                                    "original_max_position_embeddings": context,
                                    "short_factor": near.tolist(), "long_factor": far.tolist()}}
    keys = {"rope.freq_base": 1000.0, "rope.scaling.attn_factor": scale,
            "rope.dimension_count": 2 * n_pairs, "rope.scaling.original_context_length": context,
            "attention.sliding_window": 8}  # which the runtime does not apply
    tensors = {"rope_factors_short.weight": near.astype(np.float32),
               "rope_factors_long.weight": far.astype(np.float32)}
    return dict(settings=settings, keys=keys, tensors=tensors)


GEMMA = {"head_dim": 24, "query_pre_attn_scalar": 24, "sliding_window": 8, "num_hidden_layers": 4}
GEMMA_KEYS = {"attention.key_length": 24, "attention.value_length": 24,
              "attention.sliding_window": 8}
GEMMA3_LAYERS = (["sliding_attention"] * 5 + ["full_attention"]) * 2
GEMMA3 = {**GEMMA, "num_hidden_layers": 7, "layer_types": GEMMA3_LAYERS[:7]}

FAMILIES = {
    "llama": Family("llama", "LlamaConfig", {"tie_word_embeddings": True}, interleaved=True),
    "llama-3.1": Family("llama", "LlamaConfig", {"rope_parameters": LLAMA3},
                        {"rope.freq_base": 500.0},
                        {"rope_freqs.weight": llama3_factors(LLAMA3, WIDTH // HEADS)},
                        interleaved=True),
    "mistral-nemo": Family("llama", "MistralConfig", {"head_dim": 24, "sliding_window": None},
                           {"attention.key_length": 24, "attention.value_length": 24,
                            "rope.dimension_count": 24}, interleaved=True),
    "ministral3": Family("mistral3", "Ministral3Config",
                         {"head_dim": 24, "rope_parameters": yarn(
                             16, beta_fast=4.0, beta_slow=0.5, mscale=1.0, mscale_all_dim=1.0,
                             llama_4_scaling_beta=0.5, max_position_embeddings=64)},
                         yarn_keys(16, **{"rope.scaling.yarn_beta_fast": 4.0,
                                          "rope.scaling.yarn_beta_slow": 0.5,
                                          "rope.scaling.yarn_log_multiplier": 1.0,
                                          "attention.temperature_scale": 0.5,
                                          "attention.key_length": 24,
                                          "attention.value_length": 24,
                                          "rope.dimension_count": 24}), interleaved=True),
    "smollm3": Family("smollm3", "SmolLM3Config", {"num_hidden_layers": 5}, interleaved=True),
    "qwen2": Family("qwen2", "Qwen2Config"),
    "qwen2-yarn": Family("qwen2", "Qwen2Config", {"rope_parameters": yarn(32)}, yarn_keys(32)),
    "qwen3": Family("qwen3", "Qwen3Config", {"head_dim": 24},
                    {"attention.key_length": 24, "attention.value_length": 24}),
    "phi3": Family("phi3", "Phi3Config", {"num_key_value_heads": HEADS},
                   {"rope.dimension_count": WIDTH // HEADS, "attention.sliding_window": 8}),
    "phi3-short": Family("phi3", "Phi3Config", **longrope(512, 8, 1.0)),
    "phi3-long": Family("phi3", "Phi3Config", **longrope(32, 6, 0.75)),
    "gemma2": Family("gemma2", "Gemma2Config",
                     {**GEMMA, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 8.0},
                     {**GEMMA_KEYS, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 8.0},
                     plus_one=True),
    "gemma3": Family("gemma3", "Gemma3TextConfig",
                     {**GEMMA3, "rope_parameters": {
                         "full_attention": {"rope_type": "linear", "factor": 8.0,
                                            "rope_theta": 3000.0},
                         "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}},
                     {**GEMMA_KEYS, "rope.freq_base": 3000.0, "rope.scaling.type": "linear",
                      "rope.scaling.factor": 8.0}, plus_one=True),
    "granite": Family("granite", "GraniteConfig",
                      {"embedding_multiplier": 3.0, "residual_multiplier": 0.6,
                       "attention_multiplier": 0.2, "logits_scaling": 2.0},
                      {"embedding_scale": 3.0, "residual_scale": 0.6, "attention.scale": 0.2,
                       "logit_scale": 2.0}, interleaved=True),
}


def make_torch(family, seed=0):
    """The model in single precision, with weights that make every part of it count."""
    import torch
    import transformers
    settings = {"vocab_size": WORDS, "hidden_size": WIDTH, "intermediate_size": UNIT,
                "num_hidden_layers": 3, "num_attention_heads": HEADS,
                "num_key_value_heads": KV_HEADS, "max_position_embeddings": 512,
                "rms_norm_eps": 1e-5, "rope_parameters": dict(ROPE), "pad_token_id": 0,
                **family.settings}
    if family.config == "Gemma3TextConfig":
        settings["rope_parameters"] = {k: dict(v) for k, v in settings["rope_parameters"].items()}
    config = getattr(transformers, family.config)(**settings)
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager",
                                                          dtype=torch.float32)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim == 1:
                gain = name.endswith("norm.weight") and not family.plus_one
                p.normal_(1.0 if gain else 0.0, 0.3)
            elif "embed_tokens" in name:
                p.normal_(0.0, 0.5)
            else:
                p.normal_(0.0, 0.12)
    return model.eval()


def to_gguf_rows(array, n_head):
    """Rows (head, 2, d/2) of transformers to (head, d/2, 2) of interleaved files."""
    shape = array.shape
    return array.reshape(n_head, 2, -1, *shape[1:]).swapaxes(1, 2).reshape(shape)


def heads_of(family, config, name):
    """By how many heads rows of a tensor or module of transformers are reordered; 0: not at all."""
    if not family.interleaved:
        return 0
    return (config.num_attention_heads if "q_proj" in name else
            config.num_key_value_heads if "k_proj" in name else 0)


def write_keys(writer, family, config):
    writer.add_type("model")
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_tokenizer_model("no_vocab")
    for key, value in family.keys.items():
        add = {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string,
               bool: writer.add_bool}[type(value)]
        add(f"{family.arch}.{key}", value)


def write_gguf(family, model, path):
    config = model.config
    arch = next(a for a, name in gguf.MODEL_ARCH_NAMES.items() if name == family.arch)
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    writer = gguf.GGUFWriter(path, family.arch)
    write_keys(writer, family, config)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        array = tensor.numpy()
        if family.plus_one and name.endswith("norm.weight"):
            array = array + 1
        if heads_of(family, config, name):
            array = to_gguf_rows(array, heads_of(family, config, name))
        writer.add_tensor(names.get_name(name, (".weight", ".bias")), np.ascontiguousarray(array))
    for name, array in family.tensors.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make(name, folder):
    """(family, model of transformers, path of its GGUF file)"""
    family, path = FAMILIES[name], folder / f"{name}.gguf"
    model = make_torch(family)
    write_gguf(family, model, path)
    return family, model, path


def make_larger(folder):
    """One file per architecture, all of one shape, large enough to be timed: folder/NAME.gguf."""
    shape = {"vocab_size": 2048, "hidden_size": 512, "intermediate_size": 1408,
             "num_hidden_layers": 6, "num_attention_heads": 8, "num_key_value_heads": 4,
             "max_position_embeddings": 2048}
    own = {"head_dim": 64, "sliding_window": 256, "query_pre_attn_scalar": 64,
           "layer_types": GEMMA3_LAYERS[:6]}
    keys = {"attention.key_length": 64, "attention.value_length": 64, "rope.dimension_count": 64,
            "attention.sliding_window": 256}
    seen = set()
    for name, family in FAMILIES.items():
        if family.arch not in seen:
            seen.add(family.arch)
            settings = {k: own.get(k, v) if v is not None else v
                        for k, v in family.settings.items()}
            larger = dataclasses.replace(
                family, settings={**settings, **shape},
                keys={k: keys.get(k, v) for k, v in family.keys.items()})
            write_gguf(larger, make_torch(larger), folder / f"{name}.gguf")
