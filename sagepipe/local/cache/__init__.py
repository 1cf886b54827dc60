"""The step cache: the service's key, and the contents of inputs besides."""
