"""Recipes of the built-in models: data, training, export and evaluation. Needs torch; the product does not."""

import docent as docent  # before any library that would report home
