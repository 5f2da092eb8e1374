"""What is left when everything is killed at any moment."""
