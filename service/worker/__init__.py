"""The room between a stream and the detector: poll, step, commit, and restore what a crash left behind."""
