"""Tables that are made from stored runs, without generating anything."""
