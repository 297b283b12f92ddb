"""One runtime a file; each implements engines.base.Runtime."""
