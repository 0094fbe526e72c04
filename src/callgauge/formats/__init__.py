"""Provider transcripts: each format is one leaf module and one line in the table here."""
