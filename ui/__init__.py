"""The chat window: shows what app.assistant does, and holds no business logic.

Gradio reads its environment when it is imported, so what keeps it from calling out and from keeping statistics is set
here, before any module of this package can import it.
"""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000000000"  # events between two summaries that nobody looks at
