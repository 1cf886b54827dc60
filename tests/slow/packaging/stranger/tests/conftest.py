pytest_plugins = ["sagepipe.pytest_plugin"]
