"""The documentation, held to its word: what it says to type works, and what it names exists."""
