"""What a researcher looks at while a run goes on: sampled replies with their pictures, and the numbers."""
