"""What the server says of its own work: counters, log lines, traces. No word of a call, no secret."""
