"""The service under load: real receipts as tills would send them, the benchmark, the profile.

The map of the replay:

    replay.py     entrance of `python -m app replay FILE`; options.py its command line
    receipts/     pure: reads a file of receipts, cleans it, matches returns, plans what is sent; no network, no clock
    till/         the rest: address and key, state file, HTTP with retries, connections, counts, table
    data/         a sample of Online Retail (CC BY 4.0, see its README)

of the benchmark:

    bench.py      entrance of `make bench`: the stand, the rounds, the report
    cases.py      what is measured in which round, and the goals    measuring.py  one run; noisy ones again
    stand.py      a service with engines of its own                 furnishing.py keys, program, customers
    program.py    the twenty rules    goods.py   baskets of real receipts    scenarios.py  what tills ask
    generator.py  the process that loads    driver.py  closed loop, counts    open_loop.py  arrivals at a rate
    wire.py  HTTP as bytes
    database.py   pgbench    textbook/  the service to compare with    machine.py  processor time, others' share
    results.py    runs, medians, ratios, JSON    tables.py  for people    report.py  the page

`profile.py` is the entrance of `make profile`, with `sampling.py` and `layers.py`; `growth.py` that of `make growth`,
with `place.py` (a service into which customers were loaded), `whereabouts.py` (who they are), `growing.py` (the
measurements) and `factors.py` (what was found).

Nothing in here is imported by the service.
"""
