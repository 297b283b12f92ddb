"""The HTTP API on loopback, OpenAI's API, and what keeps strangers out."""
