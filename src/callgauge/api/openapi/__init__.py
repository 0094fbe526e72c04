"""The contract as a document: OpenAPI 3.1, put together from the routes, the shapes of bodies, and one table
of operations per part. A route without a line in a table fails a test."""
