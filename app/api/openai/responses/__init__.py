"""OpenAI's newer API, ``/v1/responses``: requests, replies, events and the route."""
