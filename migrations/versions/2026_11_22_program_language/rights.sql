do $$
begin
    if not exists (select from pg_roles where rolname = 'loyalty_app') then
        return;
    end if;
    grant select, insert, update on counters, coupon_pools, coupons, segments, gift_cards, prize_draws, backtests to loyalty_app;
    grant select, insert on acts, draw_days, prize_draw_entries to loyalty_app;
    grant update (uses) on purchases to loyalty_app;
end
$$
