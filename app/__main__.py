"""`python -m app`: the command line."""

if __name__ == "__main__":
    # Inside the guard: each worker process imports this module again under another name.
    from app.cli import main

    main()
