"""The commands. Modules here import the orchestrator only inside the commands that run it."""
