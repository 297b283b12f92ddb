"""The chat window and the `docent` entry point. No business logic: everything goes through app.Assistant."""
