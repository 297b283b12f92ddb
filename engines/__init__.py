"""The inference engine: it reads checkpoints of language models and continues sequences of tokens."""

import docent as docent  # before any library that would report home
