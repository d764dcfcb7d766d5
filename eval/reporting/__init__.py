"""Reports: the HTML page and its figures, tables for papers and terminals, what things are called."""
