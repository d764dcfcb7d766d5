"""Hugging Face's Trainer with PEFT and padding, as its documentation shows it, over rows encoded as ours are."""

from pathlib import Path

from tests.bench.trainers.watch import Watch, hugging_face_callback, read_job


def main() -> None:
    """Trains as the job says."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForSeq2Seq, Trainer, TrainingArguments

    from mentalglm.prompt import encode_example
    from train.data import read_instructions

    job, torch_dtype = read_job(), torch.float32
    watch = Watch(job)
    tokenizer = AutoTokenizer.from_pretrained(job.model)
    tokenizer.padding_side = "right"
    rows = []
    for row in read_instructions(Path(job.data), "train"):
        ids, scored = encode_example(tokenizer, row["messages"])
        labels = [token if counts else -100 for token, counts in zip(ids, scored, strict=True)]
        rows.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels})
    model = AutoModelForCausalLM.from_pretrained(job.model, dtype=torch_dtype)
    if job.lora:
        model = get_peft_model(
            model,
            LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=32, lora_dropout=0.05, target_modules="all-linear"),
        )
    arguments = TrainingArguments(
        output_dir=job.out,
        use_cpu=True,
        per_device_train_batch_size=job.examples,
        num_train_epochs=job.epochs,
        learning_rate=job.learning_rate,
        lr_scheduler_type="constant",
        weight_decay=0.01,
        max_grad_norm=1.0,
        train_sampling_strategy="group_by_length" if "group_by_length" in job.variant else "random",
        dataloader_drop_last=job.examples > 1,
        gradient_checkpointing="checkpointing" in job.variant,
        logging_steps=job.logging_steps,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        seed=0,
    )
    Trainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=DataCollatorForSeq2Seq(tokenizer, padding=True, label_pad_token_id=-100),
        callbacks=[hugging_face_callback(watch, tokenizer.pad_token_id)],
    ).train()


if __name__ == "__main__":
    main()
