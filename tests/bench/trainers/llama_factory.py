"""LLaMA-Factory, reading the same instruction folder itself; runs with the Python of an environment that holds it.

It has no template for the wording of our tokenizer's (its ``glm4`` counts the line break behind ``<|assistant|>`` among
the scored tokens), so one is registered the way its own are.
"""

import os
import sys
import types

from tests.bench.trainers.watch import Watch, hugging_face_callback, read_job


def main() -> None:
    """Trains as the job says."""
    os.environ.setdefault("DISABLE_VERSION_CHECK", "1")
    import transformers  # noqa: F401  (before the stand-in below: it looks for packages by their specification)

    try:
        import torchaudio  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
    except (ImportError, OSError):
        sys.modules["torchaudio"] = types.ModuleType("torchaudio")  # imported for audio models, of which there is none
    from llamafactory.data.formatter import EmptyFormatter, StringFormatter  # type: ignore[import-not-found]
    from llamafactory.data.template import register_template  # type: ignore[import-not-found]
    from llamafactory.train.tuner import run_exp  # type: ignore[import-not-found]
    from transformers import AutoTokenizer

    job = read_job()
    watch = Watch(job)
    register_template(
        name="as_ours",
        format_prefix=EmptyFormatter(slots=["[gMASK]<sop>"]),
        format_user=StringFormatter(slots=["<|user|>\n{{content}}<|assistant|>\n"]),
        format_system=StringFormatter(slots=["<|system|>\n{{content}}"]),
        stop_words=["<|user|>"],
        replace_eos=True,
    )
    packed = "packing" in job.variant or "neat_packing" in job.variant
    adapter = {"lora_rank": 8, "lora_alpha": 32, "lora_dropout": 0.05, "lora_target": "all"}
    batch = job.packs if packed else job.examples
    run_exp(
        {
            "stage": "sft",
            "do_train": True,
            "use_cpu": True,
            "model_name_or_path": job.model,
            "finetuning_type": "lora" if job.lora else "full",
            **(adapter if job.lora else {}),
            "dataset_dir": job.data,
            "dataset": "bench_train",
            "template": "as_ours",
            "cutoff_len": job.seq_length,
            "packing": packed,
            "neat_packing": "neat_packing" in job.variant,
            "disable_gradient_checkpointing": "checkpointing" not in job.variant,
            "preprocessing_num_workers": 1,
            "overwrite_cache": True,
            "output_dir": job.out,
            "per_device_train_batch_size": batch,
            "num_train_epochs": job.epochs,
            "learning_rate": job.learning_rate,
            "lr_scheduler_type": "constant",
            "weight_decay": 0.01,
            "max_grad_norm": 1.0,
            "dataloader_drop_last": batch > 1,
            "logging_steps": job.logging_steps,
            "save_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
            "seed": 0,
        },
        callbacks=[hugging_face_callback(watch, AutoTokenizer.from_pretrained(job.model).pad_token_id)],
    )


if __name__ == "__main__":
    main()
