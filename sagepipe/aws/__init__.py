"""AWS: the only maker of clients, and what Studio knows."""
