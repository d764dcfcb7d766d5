"""Experts rate a sample of explanations in a workbook; what they filled in is read back with agreement statistics."""
