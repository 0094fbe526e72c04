"""How much personal data redaction finds, and what it takes for such."""
