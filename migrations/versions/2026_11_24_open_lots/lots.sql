-- What a customer may still spend, in spending order: as much of it is read as is taken, however many lots there are, spent ones too.
create index if not exists lots_open on lots (customer_id, wallet, expires_at, active_at, lot_id) where remaining > 0 or held > 0
