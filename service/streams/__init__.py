"""Where readings come from and alerts go: one port, one room a stream."""
