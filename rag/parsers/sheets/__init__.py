"""Workbooks of Excel, and how they show numbers and dates."""
