"""Decoding: label scores from the model's own probabilities, then evidence and explanation under a grammar."""
