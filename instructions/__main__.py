"""``python -m instructions``."""

from instructions.cli import main

if __name__ == "__main__":
    main()
