"""Use cases: gather, decide, apply. They know the domain and their own ports, no driver and no framework.

The hot path, from the request inwards:

    loyalty          the whole service, one method a call; office: those of people and operators; answering: the
                     database's failures; `service`: its shape as the edge sees it; use_cases: what it hands calls to
    record_purchase  `accrue`        move_points  `redeem` and `adjust`        return_lines  returns and their preview
    place_hold       a basket or units set aside; resolve_hold: captured or released; held_uses: what it took besides
    sales            deciding a basket, the same for quote and accrue; sale_desk: settling one, the same for holds
    standings        how things stand beside a basket, and what a decision takes; stored_baskets: what is kept of both
    asks             one request on its way through a round; claims, identity: what it claims and whom it is about
    shared_use       budgets, stocks, coupons: what a round needs of them, what each request does to them
    rounds           the queue: many requests, one write
    post_round       one round: a glance, or claim, lock, read and share; then decide, write; round_owners: whom it
                     locks; round_holds: holds that its requests name, and those that are over; round_lots: lots that
                     it reads; round_programs: what it decides by; round_known: what was posted before;
                     round_changes: what it writes
    post_event       another act than a purchase, in a round too
    post_offline     receipts made without connection; offline_sale: one of them, in a round too

Beside it:

    quote_basket     prices a basket, writes nothing; promises: its signed token
    keep_customer    register and change customers; once: writes outside the rounds, exactly once too
    load_customers   many at once, with what they bring from another scheme
    read_customer    balances, history, lots; profiles: a customer as a whole
    confirm          what the identification is too weak for needs the customer's code; confirm_cards: a till's card
                     challenges: codes are sent and tried; app_codes: those that the app shows; confirming: all of them;
                     courier: messages within bounds
    offline_allowance  look-ups, with what may be taken without connection
    read_purchase    stored purchases, and what became of a key; read_hold: holds
    read_events      the feed; relay: what gives events their places in it
    ledger_roots     a day's root, and the proof of one posting; watch_books: the self-audit's figures and findings
    publish_program  drafts and versions; try_draft: back-tests
    keep_coupons     codes made and blocked; read_coupons: what one is good for
    audit_log        who did what: this process's chain of it; audit_tally: refusals, counted; read_audit_log: a page
    confirm_adjustments  large ones wait for a second person
    keep_segments    sets of customers; keep_cards: customers' cards; keep_gift_cards: those without a person
    run_prize_draws  announced, frozen, drawn; read_draws: a day's commitment and secret
    lookup_budget    guesses that found nobody, and how many are left (guessing: its words for other flows)
    rate_limits      requests of a key; guards: all that stands against abuse
    watch_tills      raises alerts from the feed; keep_alerts: what a human makes of them
    erase_customer   personal data destroyed; export_customer: a copy of all of it; keep_consents, new_consents: what
                     was agreed to; personal_data: these three; sealed_answers: stored ones that tell of a person,
                     batch_answers: of many;
                     sealed_reasons: why points were moved, in somebody's words
    rewrap           customers' keys under another master key
    callers          keys to callers; keep_keys: made, rotated, revoked; ports_keys: what both need
    sign_in          people in, by a password or a provider; sessions: theirs, to callers; keep_people: made, disabled,
                     reset; oversee_people: by an admin; ports_people: what these need
    together         what many ask for at once is asked in one call
    sweep            posts what time has brought; self_audit: goes over the books, and freezes who has wrong ones

What passes: `requests` come in, `results` go back, `cursors` are places in lists, `failures` what the database may do
to us, `refusals` what several flows answer with a "no". What flows need is in `ports`, `ports_customers`,
`ports_coupons`, `ports_offline`, `ports_draws`, `ports_audit`, `ports_audit_log`, `ports_adjustments`, `ports_alerts`,
`ports_confirmation`, `ports_messages` and `ledger_port`; `app.wiring` puts the real parts in.
"""
