"""What every domain shares: the database, problems, lists, logging."""
