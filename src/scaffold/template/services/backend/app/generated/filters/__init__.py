"""How the list of each model is narrowed and ordered."""
