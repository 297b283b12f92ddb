"""What can be set, where values come from, and where files lie."""
