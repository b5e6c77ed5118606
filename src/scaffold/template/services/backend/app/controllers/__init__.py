"""What is special about this project: each class here may override the generated operations of its domain."""
