"""The JSON documents of the HTTP API and of the command line."""
