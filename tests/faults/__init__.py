"""What happens to a study when something around it breaks: real processes, a real Postgres, a real MLflow server.

Each test has a short form, which runs with the others, and most have a long one: `make test-faults`.
"""
