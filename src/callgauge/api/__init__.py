"""The wire: the HTTP API that existing clients speak."""
