"""The stages between topics, and the shell that runs them."""
