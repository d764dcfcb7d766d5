"""A BERT of a few thousand random weights, saved as published encoders are: real files, no learning."""

from pathlib import Path

CHARACTERS = "第天都安排好了日子也定照常上班吃饭，。0123456789真的我你他是不想"


def save_bert(folder: Path, head: bool = False) -> Path:
    """Writes config, vocabulary and safetensors; with ``head`` a classifier of three labels, too."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizer

    folder.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(CHARACTERS)]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=48, num_labels=3,
    )  # fmt: skip
    model = BertForSequenceClassification(config) if head else BertModel(config)
    model.save_pretrained(folder)
    return folder
