"""docent-nano: tokenizer, pre-training, tuning on lessons."""
