"""Proof that other libraries compute what we compute: certificates of a checkpoint against its peers."""
