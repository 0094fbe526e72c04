"""Settings of a project and its organization: agents, the rubric, keys, people, the judge."""
