"""Explanations for records that have none, asked of a chat endpoint, checked one by one, safe to interrupt."""
