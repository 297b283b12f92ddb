"""A byte-level BPE tokenizer trained on a few lines, with a chat template: what a model folder brings, in miniature."""

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from engines.model.tokenizer import ModelTokenizer

EOS = "<|end|>"
VOCABULARY = 320
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_LINES = [
    '{"name": "Ada", "age": 36, "colour": "red", "tags": ["a", "b"], "there": true}',
    "The blue whale is the largest animal. It eats about four tonnes of krill a day.",
    "I could not find this in your documents. Was it opened in 1889?",
] * 3


def small_tokenizer() -> Tokenizer:
    """A vocabulary of at most VOCABULARY tokens, EOS among them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    roles = ["<|system|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(text, special=True) for text in (EOS, *roles)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_LINES, trainer)
    return tokenizer


def small_model_tokenizer(template: str = CHAT_TEMPLATE) -> ModelTokenizer:
    tokenizer = small_tokenizer()
    return ModelTokenizer(tokenizer, frozenset({tokenizer.token_to_id(EOS)}), "", EOS, template)
