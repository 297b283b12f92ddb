"""One runtime a file; each implements engines.runtime.Runtime."""
