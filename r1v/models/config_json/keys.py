"""Keys of config.json: those of the tower by layout, those that change nothing here, and what others mean.

The lists of keys that change nothing come from the class that Hugging Face's configurations share, from
training switches of the releases and from parts (experts, dropout) that `config_json` demands to be off. A
key that is neither read nor listed may change the model if its name speaks of something that a model is made
of; then it is refused by name. Any other (notes of a trainer, of a company, of a run) cannot, and `r1v
inspect` lists it.
"""

from __future__ import annotations

import re
from typing import Any

# beginnings of keys that other programs leave behind and that never change a model
HARMLESS = ("_", "unsloth_")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The vision tower by layout: for each field of VisionConfig its key and its default, which has the field's
# type. The fields of TOWER_REQUIRED must be given all the same.
TOWER: dict[str, dict[str, tuple[str, Any]]] = {
    "release": {
        "hidden_size": ("hidden_size", 0), "num_layers": ("num_hidden_layers", 0),
        "num_heads": ("num_attention_heads", 0), "intermediate_size": ("intermediate_size", 0),
        "qkv_bias": ("qkv_bias", False), "qk_norm": ("qk_normalization", True),
        "norm_type": ("norm_type", "rms_norm"), "norm_eps": ("layer_norm_eps", 1e-6),
        "activation": ("hidden_act", "gelu"), "layer_scale_init": ("initializer_factor", 0.1),
    },
    "native": {
        "hidden_size": ("hidden_size", 1024), "num_layers": ("num_hidden_layers", 24),
        "num_heads": ("num_attention_heads", 16), "intermediate_size": ("intermediate_size", 4096),
        "qkv_bias": ("attention_bias", False), "qk_norm": ("use_qk_norm", False),
        "norm_type": ("norm_type", "layer_norm"), "norm_eps": ("layer_norm_eps", 1e-6),
        "activation": ("hidden_act", "gelu"), "layer_scale_init": ("layer_scale_init_value", 0.1),
    },
}  # fmt: skip
TOWER_REQUIRED = {
    "release": {"hidden_size", "num_layers", "num_heads", "intermediate_size"}, "native": frozenset[str](),
}  # fmt: skip
TOWER_SIDES = {"image_size": 448, "patch_size": 14}  # one number, or an equal pair
TOWER_FIXED: dict[str, dict[str, object]] = {  # the only values that are computed
    "release": {"num_channels": 3, "use_moe": False, "shared_expert": False},
    "native": {"num_channels": 3, "use_mask_token": False, "use_absolute_position_embeddings": True,
               "use_mean_pooling": True},
}  # fmt: skip

# generation defaults, labels and housekeeping that every Hugging Face configuration may carry
SHARED = _words(
    """
    add_cross_attention architectures attn_implementation auto_map bad_words_ids begin_suppress_tokens
    bos_token_id chunk_size_feed_forward cross_attention_hidden_size decoder_start_token_id diversity_penalty
    do_sample dtype early_stopping encoder_no_repeat_ngram_size eos_token_id exponential_decay_length_penalty
    finetuning_task forced_bos_token_id forced_eos_token_id gradient_checkpointing id2label is_decoder
    is_encoder_decoder is_composition keys_to_ignore_at_inference label2id length_penalty
    max_length min_length model_type
    no_repeat_ngram_size num_beam_groups num_beams num_return_sequences output_attentions
    output_hidden_states output_scores pad_token_id prefix problem_type pruned_heads remove_invalid_values
    repetition_penalty return_dict return_dict_in_generate sep_token_id suppress_tokens task_specific_params
    temperature tf_legacy_loss tie_encoder_decoder tie_word_embeddings tokenizer_class top_k top_p
    torch_dtype torchscript transformers_version typical_p use_bfloat16 use_cache use_return_dict
    initializer_range attention_dropout processor_class name_or_path quantization_config compression_config
    """
)

VISION = SHARED | _words(
    """
    drop_path_rate dropout use_flash_attn use_fa3 hidden_dropout_prob projection_dropout use_mean_pooling
    capacity_factor eval_capacity_factor laux_allreduce moe_coeff_ratio moe_intermediate_size
    moe_output_scale noisy_gate_policy num_experts num_routed_experts num_shared_experts
    shared_expert_intermediate_size use_residual use_rts use_weighted_residual qk_normalization_head
    layer_scale_init_value initializer_factor embed_dim num_dummy_heads hidden_dim
    """
)

LANGUAGE = SHARED | _words(
    """
    sliding_window max_window_layers attn_implementation_autoset pretraining_tp debug ep_size micro_forward
    skip_checkpoint use_deepep use_mrope use_flash_attn
    """
)

RELEASE = SHARED | _words(
    """
    force_image_size image_fold hidden_size freeze_adapter freeze_llm freeze_vision freeze_backbone
    freeze_mlp unfreeze_lm_head unfreeze_vit_layers concat_tokenizer output_loss loss_reduction vocab_size
    num_image_token image_seq_length projector_hidden_act img_start_token_id img_end_token_id
    max_position_embeddings grad_checkpoint use_custom_trainer
    """
)

NATIVE = SHARED | _words("image_seq_length hidden_size vocab_size")
KNOWN = VISION | LANGUAGE | RELEASE | NATIVE

# Words of keys that speak of training, of a run or of its makers, whatever else is in them.
_OF_A_RUN = _words(
    """
    author authors benchmark comment comments commit company contact cost costs created dataset datasets
    date description dpo epoch epochs evaluation finetune finetuned finetuning freeze freezing frozen
    gradient grpo homepage info job learning licence license loss losses lr metadata metrics note notes
    optimizer organization project repository revision rl run seed sft smoothing tags timestamp train
    trained trainer training unfreeze url wandb
    """
)

# Words of keys that can change a computation: each key that `config_json` reads has one of them, and so has
# each key that several of transformers' configurations share.
_OF_A_MODEL = _words(
    """
    act activation adapter alibi alpha apply attention attn audio augment auxiliary backbone beta bias
    bits block blocks bridge cap capacity cardinality causal channel channels chunk clip cls codebook
    codec coefficient compress concat config context conv cross ctc d decay decoder dense depth depths
    dilation dim dimension dims distribution downsample downsampling drop dropout dynamic emb embd embed
    embedder embedding embeddings encoder eps epsilon expand expert experts extent factor factors feat
    features ff ffn fold freq frequencies frequency func fused gamma gate gated gating gelu global glu
    group groups hc head heads hidden id ids image images in index init inner intermediate interval kernel
    kernels kv latent latents layer layerdrop layernorm layers layerscale layout leaky length limit limits
    local logit logits long lora low mamba mask max mean merge merger method min mixture mlp mode moe
    mrope mscale mtp multimask multimodal multiplier n nope norm normalization normalize normalized norms
    num offset offsets ordering out output pad padding parallel partial patch patches pattern pdrop pixel
    pixels pool pooling pos position positions prefix proj projection projector ps qk qkv quant
    quantisation quantization query range rank rate rates ratio ratios reduction refine rel relu replace
    resid residual residuals resolution rms rope rotary routed router routing scale scaled scales scaling
    scoring sections select semantic seq sequence shape share shared short shuffle sink sinks size sizes
    skip sliding soft softcap softcapping softmax sparse spatial special split ssm stage stages std
    strategy stride strides swiglu system tanh target temperature template temporal text theta threshold
    thumbnail tie tied tile tiles time times token tokenizer tokens top topk tower truncate type types
    upsample upsampling use video vision visual vocab vocabulary vq weight weights width window with
    xavier yarn
    """
)


def may_matter(key: str, value: object = None) -> bool:
    """Whether a key that is not known here may change what the model computes: by its words, by the keys of
    an object, by the numbers of a list."""
    words = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", key)}
    if words & _OF_A_RUN:
        return False
    if not words or words & _OF_A_MODEL:
        return True
    if isinstance(value, dict):
        return any(may_matter(inner, each) for inner, each in value.items())
    return isinstance(value, list) and any(isinstance(each, int | float | dict | list) for each in value)
