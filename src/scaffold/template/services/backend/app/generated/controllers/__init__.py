"""What the operations of each domain do unless `app/controllers` says otherwise."""
