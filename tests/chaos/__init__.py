"""The fault matrix: real brokers, real `gruard run` processes, real kills, and an oracle that nobody disturbed."""
