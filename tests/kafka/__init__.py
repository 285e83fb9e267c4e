"""Does the shell speak Kafka? On a real broker."""
