"""An encoder and an encoder-decoder of random weights, as small as their kinds come, with a tokenizer of characters."""

from pathlib import Path

import torch
import transformers

CHARACTERS = "他她说想死活难过失眠睡不着，。什么都没有好累 abc"
LIMIT = 24


def _vocabulary(folder: Path) -> Path:
    folder.mkdir(parents=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(CHARACTERS.replace(" ", ""))]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=LIMIT).save_pretrained(folder)
    return folder


def write_encoder(folder: Path) -> Path:
    """A BERT of three layers that takes 24 tokens."""
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=LIMIT,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(_vocabulary(folder))
    return folder


def write_writer(folder: Path) -> Path:
    """A BART of one layer a side."""
    torch.manual_seed(0)
    config = transformers.BartConfig(
        vocab_size=64, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=LIMIT,
        pad_token_id=0, bos_token_id=2, eos_token_id=3, decoder_start_token_id=3, init_std=0.5,
    )  # fmt: skip
    transformers.BartForConditionalGeneration(config).save_pretrained(_vocabulary(folder))
    return folder
