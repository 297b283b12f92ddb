"""Token ids -> token ids. Knows nothing of documents."""

import docent as docent  # before any library that would report home
