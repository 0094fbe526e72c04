"""The overview of a project: how its calls do, over time, by agent and metric."""
