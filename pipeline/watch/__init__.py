"""Jobs beside a training: they read its checkpoints while it goes on, and change nothing of it."""
