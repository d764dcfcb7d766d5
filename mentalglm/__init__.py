"""Explainable mental-health analysis of Chinese social media: a label, the words that carry it, and an explanation."""

__version__ = "0.1.0"
