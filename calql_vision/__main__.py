"""`python -m calql_vision STAGE ...` is `calql-vision STAGE ...`."""

from calql_vision.cli import main

main()
