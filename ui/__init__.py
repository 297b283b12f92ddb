"""The chat window: shows what app.assistant does, and holds no business logic."""

import os

import docent as docent  # before any library that would report home

# Gradio reads this when it is imported: events between two summaries that nobody looks at.
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000000000"
