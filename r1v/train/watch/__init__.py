"""What a researcher looks at during a run: sampled replies with their pictures, and the metrics."""
