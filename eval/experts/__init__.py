"""What experts say of explanations: the sheet they rate on, what they send back, agreement and comparison."""
