"""What a model is: configuration, checkpoint, tokenizer, and the decoder described once."""
