"""The ``docent`` command."""
