"""The demo: a simulated fleet through the live worker, and a scoreboard of what it found."""
