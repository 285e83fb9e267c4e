"""Two whole rollouts in one process: the demo."""
