"""Everyday documents written for training, with questions that they answer and questions that only look so."""
