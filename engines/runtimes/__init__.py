"""The runtimes that compute a model; each has a folder and implements engines.base.Runtime."""
