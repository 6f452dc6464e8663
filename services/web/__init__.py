"""The server around the screens: guards, headers, routes, live updates."""
