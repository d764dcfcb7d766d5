"""Evaluation: runs a model over labelled posts, scores what it answered, and reports it beside others."""
