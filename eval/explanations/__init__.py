"""Measures of explanations: against a reference (:mod:`.text_measures`) and without one."""
