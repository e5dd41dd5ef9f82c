"""One file a command: it calls one function and prints; heavy imports stand inside the command."""
