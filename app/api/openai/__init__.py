"""OpenAI's API on /v1."""
