"""One of everything that a package can add to calql-vision."""
