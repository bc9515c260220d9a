"""The running half of Gruard: readings in, explained alerts out. Never imports the training half."""
