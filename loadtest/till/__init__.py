"""From a plan to answers: everything that touches the network, the clock, files or the screen.

The map:
    access    address and key of the service
    state     what the first run fixed, kept for the next
    client    one request, repeated until it has an answer
    halt      the wish to stop, seen by every connection
    tally     what the answers said, counted
    run       the lanes side by side
    screen    progress
    report    the tables and their JSON
    tables    the same on the screen
    audit     the service's own `verify`
"""
