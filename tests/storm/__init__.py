"""Many tills at once, and everything that can go wrong between them, the service, PostgreSQL and Redis.

| part | what it is |
| --- | --- |
| wire.py | a till's connection: bytes out, bytes in, and what was lost on the way |
| proxy.py | a network between two parties that delays, cuts and swallows |
| audit.py | what must hold of the ledger whenever nothing is under way |
| stands.py | services on proxies, customers with points, tills that repeat until they know |
| test_*.py | one kind of harm each |
"""
