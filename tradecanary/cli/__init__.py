"""The command line: what a person or CI/CD says to the pipeline."""
