"""Files of requests in, files of answers out."""
