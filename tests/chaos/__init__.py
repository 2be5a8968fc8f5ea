"""Many tills, two instances, and every accident there is: no fault makes or loses a point. `make chaos` runs it.

| part | what it is |
| --- | --- |
| plan.py | how long, how much, which accidents, and below what the run has measured nothing |
| disks.py, site.py, processes.py | engines on small disks, instances behind proxies, who restarts what dies |
| instance.py, skew.py, plants/ | a process of the service, perhaps with a wrong clock or with a bug planted in it |
| program.py, world.py, calls/, emphasis.py | what is sold, what tills know, what they ask for, and how often |
| journal.py, client.py, load.py | each call with all its attempts; a till at work; all of them |
| faults/, schedule.py | accidents, and when they happen |
| settle.py, probes.py | calm: what was unknown becomes definite; what time does with nobody at work |
| checks/ | what must be true afterwards |
| coverage.py, report.py, run.py | the tables; a whole run; planted.py runs all bugs, one at a time |

Everything is on loopback, of bounded length, and gone at the end.
"""
