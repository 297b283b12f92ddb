"""Answers that code computes from what was read: values of tables, sums, counts, extremes, verdicts."""
