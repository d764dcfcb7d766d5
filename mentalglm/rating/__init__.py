"""How experts rate explanations: what is asked, the cells they fill in, and how far they agree."""
