"""The shell: all IO of the stages, one runner, two logs."""
