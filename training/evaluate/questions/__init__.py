"""Questions as people ask them, over documents of many kinds, with the values that a right answer holds."""
