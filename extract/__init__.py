"""What reads trackers into the raw schemas, nothing else."""
