"""The chat window: shows what app.assistant does, and holds no business logic.

Gradio looks at its environment when it is imported, so what keeps it from calling out is set here, before any module of
this package can import it.
"""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
