"""Real receipts sent through the HTTP API, as tills would send them.

The map:

    replay.py     entrance of `python -m app replay FILE`
    receipts/     pure: reads a file of receipts, cleans it, matches returns, plans what is sent; no network, no clock
    till/         the rest: address and key, state file, HTTP with retries, connections, counts, table
    data/         a sample of Online Retail (CC BY 4.0, see its README)

Nothing in here is imported by the service.
"""
