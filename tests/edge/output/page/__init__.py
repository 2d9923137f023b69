"""The live page's HTTP server."""
