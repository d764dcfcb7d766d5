"""Builds the instruction corpus: sources -> records -> checks -> instructions, with a data card."""
