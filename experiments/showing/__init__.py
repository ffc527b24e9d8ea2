"""How a search is shown: a live table, plain lines, JSON lines, or its end only."""
