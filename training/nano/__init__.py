"""Trains docent-nano: tokenizer, pretraining, tuning on Docent's tasks."""
