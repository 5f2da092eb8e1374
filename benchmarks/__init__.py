"""What `make bench` measures: the ingest, beside the floor of each figure in the same run."""
