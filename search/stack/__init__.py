"""What runs inside the services of docker-compose.yml, and what finds them from outside (`found`)."""
