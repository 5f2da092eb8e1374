"""From a listing to stored chunks: what changed, who parses it, and how it replaces what was there."""
