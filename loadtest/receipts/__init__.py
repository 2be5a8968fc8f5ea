"""From a file of receipts to a plan of requests, without network, clock or luck.

The map:
    money          decimal text becomes minor units
    files          opens a file, tells its format by content, fingerprints it
    online_retail  reads UCI's Online Retail, dirt included
    cdnow          reads CDNOW, master and sample
    model          what a file holds
    census         what became of each line and receipt, counted
    baskets        a sale becomes one or more baskets that the API takes
    matching       a cancellation finds the purchases it takes back
    moving         days are moved so that the last one is today
    planning       all of it becomes requests with fixed keys and bodies
    lanes          requests are dealt to connections, each customer's in order
"""
