"""``mentalglm serve``: one model behind HTTP, for analyses and for chat. What is posted is never logged or stored."""
