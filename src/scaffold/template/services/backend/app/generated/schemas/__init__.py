"""What callers send and get, for each model."""
